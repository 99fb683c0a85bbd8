package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/masterkey"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

// HotStore is what the promises about tokens and usage are made by.
type HotStore interface {
	tokens.Store
	tokens.Desk
	usage.Store
	machines.GraphStore
	keys.Store
	masterkey.Store
	audit.Store
	machines.AssertionStore
	ForgetExpired(ctx context.Context, most int) (int64, error)
	ForgetAssertions(ctx context.Context, most int) (int64, error)
}

// Hot is a migrated, empty database under test. What the promises start from is written behind the store's back, in SQL that both
// databases read, so that a fault of the store cannot hide itself.
type Hot struct {
	HotStore
	Exec     func(query string, args ...any)       // with ? for parameters
	Together func(do func())                       // makes what do executes one transaction, to be quick; not to be used at the same time
	Int      func(query string, args ...any) int64 // the one number that a query answers
	Another  func() HotStore                       // the same database opened once more, as by another process; nil: only one may
}

// OpenHot opens a Hot of its own for a test.
type OpenHot func(t testing.TB, rule m2m.ScopeRule) Hot

// TokenPromises runs every promise about tokens, their checks and what is counted.
func TokenPromises(t *testing.T, open OpenHot) {
	t.Helper()
	for _, promises := range []func(*testing.T, OpenHot){
		checkPromises, recordPromises, reusePromises, listPromises, callerPromises, usagePromises, signedPromises, sealedPromises, assertionPromises,
		deskPromises, graphPromises,
	} {
		promises(t, open)
	}
}

// world makes things in a Hot.
type world struct {
	Hot
	t testing.TB
	n *atomic.Int64
}

func newWorld(tb testing.TB, open OpenHot, rule m2m.ScopeRule) *world {
	tb.Helper()
	w := &world{Hot: open(tb, rule), t: tb, n: new(atomic.Int64)}
	w.Exec("INSERT INTO instance (id, issuer, key_hash, canary, canary_version, created_at) VALUES ('ins', 'http://issuer', ?, ?, 'v', 0)",
		bytesOf(operator), []byte{1})
	for _, state := range []string{"announced", "active", "retiring", "removed", "compromised"} {
		w.Exec("INSERT INTO signing_keys (kid, state, public_key, sealed, key_version, created_at) VALUES (?, ?, ?, ?, 'v', 0)",
			string(keyOf(state)), state, make([]byte, 32), []byte{1})
	}
	return w
}

// operator is the hash of the instance key of every world.
var operator = secret.HashOf("sk_operator") //nolint:gochecknoglobals // a constant

func bytesOf(h secret.Hash) []byte { return h[:] }

// keyOf is the signing key of a world that is in a state.
func keyOf(state string) m2m.KeyID {
	sum := sha256.Sum256([]byte(state))
	return m2m.KeyID(base64.RawURLEncoding.EncodeToString(sum[:]))
}

// fresh is a hash that nobody had before.
func (w *world) fresh() secret.Hash {
	return secret.HashOf(secret.Text(fmt.Sprint("fresh ", w.n.Add(1))))
}

// machine makes a living machine and its secret, and lets it call others.
func (w *world) machine(calls ...m2m.MachineID) (m2m.MachineID, secret.Hash) {
	w.t.Helper()
	id, h := m2m.MachineID("mch_"+ksuid.New().String()), w.fresh()
	w.Exec("INSERT INTO machines (id, name, default_format, created_at, updated_at) VALUES (?, 'm', 'opaque', 1, 1)", string(id))
	w.secret(id, h, nil)
	for _, to := range calls {
		w.scope(id, to)
	}
	return id, h
}

func (w *world) secret(id m2m.MachineID, h secret.Hash, expires *int64) {
	w.t.Helper()
	w.Exec("INSERT INTO machine_secrets (hash, machine_id, sealed, key_version, created_at, expires_at) VALUES (?, ?, ?, 'v', 1, ?)",
		bytesOf(h), string(id), []byte{1}, expires)
}

func (w *world) scope(from, to m2m.MachineID) {
	w.t.Helper()
	w.Exec("INSERT INTO machine_scopes (from_id, to_id, position, created_at) VALUES (?, ?, ?, 1)", string(from), string(to), w.n.Add(1))
}

func (w *world) remove(id m2m.MachineID) {
	w.t.Helper()
	w.Exec("UPDATE machines SET deleted_at = 2 WHERE id = ?", string(id))
}

// now is the database's clock, in Unix milliseconds.
func (w *world) now() int64 { return w.Int("SELECT " + w.clock()) }

func (w *world) clock() string {
	if w.Another == nil {
		return "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
	}
	return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
}

// opaque is a token about to be recorded, with an hour to live.
func (w *world) opaque(of m2m.MachineID, scopes ...m2m.MachineID) tokens.NewRecord {
	now := time.UnixMilli(w.now()).UTC()
	return tokens.NewRecord{
		Grant: m2m.Grant{
			ID: m2m.NewTokenID(), Machine: of, Scopes: append(m2m.Scopes{}, scopes...), Claims: m2m.Claims(`{"a":1}`),
			IssuedAt: now.Truncate(time.Second), ExpiresAt: now.Truncate(time.Second).Add(time.Hour),
		},
		Format: m2m.Opaque, Hash: w.fresh(), CreatedAt: now,
	}
}

// jwt is the same as a JWT signed with the key in a state.
func (w *world) jwt(state string, of m2m.MachineID, scopes ...m2m.MachineID) tokens.NewRecord {
	n := w.opaque(of, scopes...)
	n.Format, n.Hash, n.KeyID = m2m.JWT, secret.Hash{}, keyOf(state)
	return n
}

// put records tokens that must be recordable.
func (w *world) put(items ...tokens.NewRecord) {
	w.t.Helper()
	errs, err := w.RecordTokens(w.t.Context(), items)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func presented(n tokens.NewRecord) m2m.Presented {
	return m2m.Presented{Format: n.Format, Hash: n.Hash, ID: n.Grant.ID, KeyID: n.KeyID}
}

// verify asks one question.
func (w *world) verify(caller secret.Hash, n tokens.NewRecord) tokens.Verdict {
	w.t.Helper()
	out, err := w.CheckTokens(w.t.Context(), []tokens.Check{{Caller: caller, Token: presented(n)}})
	if err != nil || len(out) != 1 {
		w.t.Fatalf("%d verdicts, %v", len(out), err)
	}
	return out[0]
}

func (w *world) want(what string, v tokens.Verdict, known, good bool) {
	w.t.Helper()
	if v.CallerKnown != known || (v.Record != nil) != good {
		w.t.Errorf("%s: known %v, good %v; want %v, %v", what, v.CallerKnown, v.Record != nil, known, good)
	}
}

// count is a key of what was counted.
type count struct {
	machine, receiver m2m.MachineID
	op                m2m.Operation
	format            m2m.Format
}

// counted is everything that was ever counted.
func (w *world) counted() map[count]int64 {
	w.t.Helper()
	out := map[count]int64{}
	err := w.UsageRows(w.t.Context(), time.UnixMilli(0), time.UnixMilli(w.now()).Add(2*time.Hour), func(r usage.Row) error {
		out[count{r.Machine, r.Receiver, r.Operation, r.Format}] += r.Count
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// values makes the VALUES of n rows with width parameters each.
func values(n, width int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", width), ", ") + ")"
	return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ")
}
