package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

func secretPromises() []promise {
	return []promise{
		{"CurrentSecretIsViewable", currentSecretIsViewable},
		{"RotationWithoutOverlapKillsAllOldSecrets", rotationWithoutOverlapKillsAllOldSecrets},
		{"RotationKeepsOnePreviousSecret", rotationKeepsOnePreviousSecret},
		{"PreviousSecretLivesForItsSecondsAndNoRequestLonger", previousSecretLivesForItsSeconds},
		{"ConcurrentRotationsKeepOneCurrentAndOnePrevious", concurrentRotationsKeepOneCurrent},
		{"TwoMachinesNeverShareASecret", twoMachinesNeverShareASecret},
	}
}

func wantsCurrent(t *testing.T, s Stores, id m2m.MachineID, want machines.SecretRow) {
	t.Helper()
	got, err := s.ViewSecret(t.Context(), admin(), id)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func currentSecretIsViewable(t *testing.T, s Stores) {
	t.Helper()
	d, first := created(t, s, aMachine("a"))
	wantsCurrent(t, s, d.ID, first)
	second := aSecret()
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, second, time.Hour))
	wantsCurrent(t, s, d.ID, second)
	// Whoever saw another secret than is current replaces none: neither audit nor overlap.
	late := aSecret()
	late.Replaces = machines.SecretMark(first.Hash)
	wants(t, "rotated meanwhile", s.RotateSecret(t.Context(), admin(), d.ID, late, 0), m2m.ErrConflict)
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"first": first, "second": second}, map[string]machines.SecretRow{"late": late})
	hash, err := s.CurrentSecret(t.Context(), d.ID)
	if err != nil || hash != second.Hash {
		t.Errorf("the current secret is another: %v", err)
	}
	third := aSecret()
	third.Replaces = machines.SecretMark(hash)
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, third, 0))
	_, err = s.CurrentSecret(t.Context(), newMachineID())
	wants(t, "current of nobody", err, m2m.ErrMachineNotFound)
	_, err = s.ViewSecret(t.Context(), admin(), newMachineID())
	wants(t, "of nobody", err, m2m.ErrMachineNotFound)
	wants(t, "rotate nobody's", s.RotateSecret(t.Context(), admin(), newMachineID(), aSecret(), 0), m2m.ErrMachineNotFound)
}

// wantsHolders tells of each secret whether it is to open as machine id.
func wantsHolders(t *testing.T, s Stores, id m2m.MachineID, works map[string]machines.SecretRow, dead map[string]machines.SecretRow) {
	t.Helper()
	for what, row := range works {
		if got := caller(t, s, row.Hash).MachineID(); got != id {
			t.Errorf("%s opens as %q", what, got)
		}
	}
	for what, row := range dead {
		if caller(t, s, row.Hash).Known() {
			t.Errorf("%s still opens", what)
		}
	}
}

// wantsPrevious tells whether the secret before the current one is said to work for so long; 0: not at all.
func wantsPrevious(t *testing.T, s Stores, id m2m.MachineID, overlap time.Duration) {
	t.Helper()
	ends, err := s.PreviousSecretEnds(t.Context(), id)
	left := time.Until(ends)
	if err != nil || ends.IsZero() != (overlap == 0) || overlap > 0 && (left > overlap || left < overlap-10*time.Second) {
		t.Errorf("the secret before works until %v, %s from now, want %s: %v", ends, left, overlap, err)
	}
}

// R20
func rotationWithoutOverlapKillsAllOldSecrets(t *testing.T, s Stores) {
	t.Helper()
	d, first := created(t, s, aMachine("a"))
	second, third := aSecret(), aSecret()
	wantsPrevious(t, s, d.ID, 0)
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, second, time.Hour))
	wantsPrevious(t, s, d.ID, time.Hour)
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, third, 0))
	wantsPrevious(t, s, d.ID, 0)
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"third": third}, map[string]machines.SecretRow{"first": first, "second": second})
}

// R20
func rotationKeepsOnePreviousSecret(t *testing.T, s Stores) {
	t.Helper()
	d, first := created(t, s, aMachine("a"))
	second, third := aSecret(), aSecret()
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, second, time.Hour))
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"first": first, "second": second}, nil)
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, third, time.Minute))
	wantsPrevious(t, s, d.ID, time.Minute)
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"second": second, "third": third}, map[string]machines.SecretRow{"first": first})
}

// R20: the bounds are those of the calls, which the database's clock runs between.
func previousSecretLivesForItsSeconds(t *testing.T, s Stores) {
	t.Helper()
	const overlap = time.Second
	const millisecond = time.Millisecond // the database's clock is cut to it
	d, first := created(t, s, aMachine("a"))
	second := aSecret()
	before := time.Now() //nolint:forbidigo // the test measures
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, second, overlap))
	after := time.Now() //nolint:forbidigo // the test measures
	for {
		asked := time.Now() //nolint:forbidigo // the test measures
		known := caller(t, s, first.Hash).Known()
		answered := time.Now() //nolint:forbidigo // the test measures
		if !known && answered.Before(before.Add(overlap-millisecond)) {
			t.Fatalf("dead after %v", answered.Sub(before))
		}
		if known && asked.After(after.Add(overlap+millisecond)) {
			t.Fatalf("alive after %v", asked.Sub(after))
		}
		if !known {
			break
		}
	}
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"second": second}, map[string]machines.SecretRow{"first": first})
	must(t, s.RotateSecret(t.Context(), admin(), d.ID, aSecret(), time.Hour))
	wantsHolders(t, s, d.ID, map[string]machines.SecretRow{"second": second}, map[string]machines.SecretRow{"first": first})
}

// R20, R66
func concurrentRotationsKeepOneCurrent(t *testing.T, s Stores) {
	t.Helper()
	const n = 20
	d, _ := created(t, s, aMachine("a"))
	rows := make([]machines.SecretRow, n)
	hashes := make([]secret.Hash, n)
	for i := range rows {
		rows[i] = aSecret()
		hashes[i] = rows[i].Hash
	}
	errs := together(n, func(i int) error { return s.RotateSecret(t.Context(), admin(), d.ID, rows[i], time.Hour) })
	must(t, errors.Join(errs...))
	callers, err := s.Callers(t.Context(), hashes)
	must(t, err)
	alive := 0
	for _, c := range callers {
		if c.Known() {
			alive++
		}
	}
	current, err := s.ViewSecret(t.Context(), admin(), d.ID)
	must(t, err)
	if alive != 2 || !caller(t, s, current.Hash).Known() {
		t.Errorf("%d secrets are alive", alive)
	}
}

// R66
func twoMachinesNeverShareASecret(t *testing.T, s Stores) {
	t.Helper()
	a, row := created(t, s, aMachine("a"))
	_, err := s.CreateMachine(t.Context(), admin(), aMachine("b"), row)
	wants(t, "created with it", err, m2m.ErrConflict)
	c := machine(t, s, "c")
	wants(t, "rotated to it", s.RotateSecret(t.Context(), admin(), c, row, 0), m2m.ErrConflict)
	if got := caller(t, s, row.Hash).MachineID(); got != a.ID {
		t.Errorf("it opens as %q", got)
	}
}
