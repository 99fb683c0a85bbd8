// Package storetest holds every store to the same promises.
//
// It owns the tests of the contracts written at the Store interfaces of instance, machines, tokens, usage, keys, sessions and audit, and runs them on
// whatever it is given. It refuses to know a database: what cannot be seen through those interfaces is not a promise. Start reading at Run and
// TokenPromises; each promise is one function, and its name is the guarantee.
package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
)

// Stores is what the promises of Run are made by; Hot is what those of TokenPromises are.
type Stores interface {
	instance.Store
	machines.Store
	keys.Store
	audit.Store
	sessions.Store
	sessions.LinkStore
}

// promise is one guarantee, kept or not by a store that holds nothing yet.
type promise struct {
	name string
	keep func(t *testing.T, s Stores)
}

// Run holds a store to the promises about the instance, machines, keys, sessions and the audit log, each on a new, migrated, empty one from open.
func Run(t *testing.T, open func(t *testing.T) Stores) {
	t.Helper()
	for _, p := range slices.Concat(
		instancePromises(), registryPromises(), pagingPromises(), scopePromises(), secretPromises(), keyPromises(), auditPromises(),
		sessionPromises(), machinePagePromises(),
	) {
		t.Run(p.name, func(t *testing.T) { p.keep(t, open(t)) })
	}
}

// admin is who makes the changes of these tests.
func admin() m2m.Actor {
	return m2m.Actor{Kind: m2m.Operator, Address: "192.0.2.1", TraceID: "trace"}
}

// moment is the n-th millisecond of an arbitrary age.
func moment(n int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(n)).UTC() }

// newMachineID has the shape of a KSUID, and this age in front of it.
func newMachineID() m2m.MachineID { return m2m.MachineID("mch_2" + rand.Text()) }

// aSecret makes a secret row and tells the hash under which its holder is found.
func aSecret() machines.SecretRow {
	plain := secret.New(secret.MachineSecret)
	return machines.SecretRow{
		Hash: secret.HashOf(plain), Sealed: secret.Sealed{Version: "v1", Bytes: []byte("sealed-" + rand.Text())},
	}
}

// aMachine is a machine as the service would make it.
func aMachine(name string, scopes ...m2m.MachineID) m2m.Machine {
	return m2m.Machine{
		ID: newMachineID(), Name: name, DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque, Scopes: scopes,
		CreatedAt: moment(0), UpdatedAt: moment(0),
	}
}

// created stores a machine and gives its first secret too.
func created(t *testing.T, s Stores, m m2m.Machine) (machines.Detail, machines.SecretRow) {
	t.Helper()
	row := aSecret()
	d, err := s.CreateMachine(t.Context(), admin(), m, row)
	if err != nil {
		t.Fatalf("create machine %q: %v", m.Name, err)
	}
	return d, row
}

// machine stores a machine of that name and gives its id.
func machine(t *testing.T, s Stores, name string, scopes ...m2m.MachineID) m2m.MachineID {
	t.Helper()
	d, _ := created(t, s, aMachine(name, scopes...))
	return d.ID
}

func found(t *testing.T, s Stores, id m2m.MachineID) machines.Detail {
	t.Helper()
	d, err := s.Machine(t.Context(), id)
	if err != nil {
		t.Fatalf("find machine: %v", err)
	}
	return d
}

// caller tells whom a credential belongs to.
func caller(t *testing.T, s Stores, h secret.Hash) m2m.Caller {
	t.Helper()
	callers, err := s.Callers(t.Context(), []secret.Hash{h})
	if err != nil || len(callers) != 1 {
		t.Fatalf("callers: %v, %v", callers, err)
	}
	return callers[0]
}

// must fails the test for any error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails the test unless the error is the one.
func wants(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantsField fails the test unless the error is a fault of that field.
func wantsField(t *testing.T, what string, got error, field string, reason m2m.Reason) {
	t.Helper()
	fault, ok := errors.AsType[*m2m.FieldError](got)
	if !ok || fault.Field != field || fault.Reason != reason {
		t.Errorf("%s: got %v, want a fault %s of %s", what, got, reason, field)
	}
}

// together runs n calls at the same time and gives their errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-begin
			errs[i] = call(i)
		})
	}
	close(begin)
	calls.Wait()
	return errs
}

// tally counts errors by which of the expected ones they are; nil counts too. Anything else fails the test.
func tally(t *testing.T, errs []error, expected ...error) map[error]int {
	t.Helper()
	counts := map[error]int{}
	for _, err := range errs {
		i := slices.IndexFunc(expected, func(want error) bool { return errors.Is(err, want) })
		switch {
		case err == nil:
			counts[nil]++
		case i >= 0:
			counts[expected[i]]++
		default:
			t.Errorf("unexpected error: %v", err)
		}
	}
	return counts
}

func numbered(name string, n int) string { return fmt.Sprintf("%s %03d", name, n) }
