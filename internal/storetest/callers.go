package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func callerPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("CallersAreWhoHoldsTheCredentialNow", func(t *testing.T) { callersAreKnown(t, open) })
}

// R10: a credential is found by its whole hash, by index; one bit beside it is nobody. R20: the previous secret lives for as long as it
// was given and not one request longer.
func callersAreKnown(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	x, _ := w.machine()
	gone, goneSecret := w.machine()
	y, _ := w.machine()
	a, aSecret := w.machine(y, gone, x)
	b, bSecret := w.machine()
	w.remove(gone)
	w.Exec("UPDATE machines SET name = 'm''ß', default_ttl = 60, default_format = 'jwt', public_jwk = '{}', updated_at = 9 WHERE id = ?", string(a))
	previous, expired := w.fresh(), w.fresh()
	later, past := w.now()+soon, w.now()
	w.secret(a, previous, &later)
	w.secret(b, expired, &past)
	machineA := &m2m.Machine{
		ID: a, Name: "m'ß", DefaultTTL: time.Minute, DefaultFormat: m2m.JWT, PublicJWK: []byte("{}"), Scopes: m2m.Scopes{y, x},
		CreatedAt: time.UnixMilli(1).UTC(), UpdatedAt: time.UnixMilli(9).UTC(),
	}
	machineB := &m2m.Machine{
		ID: b, Name: "m", Endless: true, DefaultFormat: m2m.Opaque, Scopes: m2m.Scopes{},
		CreatedAt: time.UnixMilli(1).UTC(), UpdatedAt: time.UnixMilli(1).UTC(),
	}
	near := aSecret
	near[len(near)-1] ^= 1
	got, err := w.Callers(t.Context(), []secret.Hash{aSecret, {}, operator, expired, previous, bSecret, goneSecret, w.fresh(), aSecret, near})
	if err != nil {
		t.Fatal(err)
	}
	want := []m2m.Caller{{Machine: machineA}, {}, {Instance: true}, {}, {Machine: machineA}, {Machine: machineB}, {}, {}, {Machine: machineA}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := w.Callers(t.Context(), nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}
