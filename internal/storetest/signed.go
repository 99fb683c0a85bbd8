package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

func signedPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("LivingTokensAreCountedByTheirKey", func(t *testing.T) { signedAreCounted(t, open) })
	t.Run("ARetiringKeyKnowsItsLastToken", func(t *testing.T) { retiringKnowsItsLast(t, open) })
}

// signedBy makes living JWTs with a key in a state, that expire one after the other, and tells when the last does.
func (w *world) signedBy(state string, n int) (last time.Time) {
	w.t.Helper()
	a, _ := w.machine()
	for i := range n {
		token := w.jwt("active", a)
		token.Grant.ExpiresAt = token.Grant.ExpiresAt.Add(time.Duration(i) * time.Minute)
		w.put(token)
		w.Exec("UPDATE tokens SET key_id = ? WHERE id = ?", string(keyOf(state)), string(token.Grant.ID))
		last = token.Grant.ExpiresAt
	}
	return last
}

// What is revoked, expired or opaque does not count, and nothing counts further than it was asked to.
func signedAreCounted(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _ := w.machine()
	w.put(w.opaque(a))
	active, bad := w.signedBy("active", 5), w.signedBy("compromised", 2)
	revoked, dead := w.jwt("active", a), w.jwt("active", a)
	revoked.Grant.ExpiresAt = active.Add(time.Hour)
	w.put(revoked, dead)
	w.Exec("UPDATE tokens SET revoked_at = 5 WHERE id = ?", string(revoked.Grant.ID))
	w.Exec("UPDATE tokens SET expires_at = ? WHERE id = ?", w.now()-1, string(dead.Grant.ID))
	for most, counted := range map[int64]int64{100: 5, 5: 5, 3: 3} {
		got, err := w.SignedTokens(t.Context(), most)
		if err != nil {
			t.Fatal(err)
		}
		want := map[m2m.KeyID]keys.Signed{keyOf("active"): {Tokens: counted, Until: active}, keyOf("compromised"): {Tokens: 2, Until: bad}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at most %d (-want +got):\n%s", most, diff)
		}
	}
	for key, want := range map[m2m.KeyID]int64{keyOf("active"): 5, keyOf("compromised"): 2, keyOf("announced"): 0} {
		if got, err := w.CountSigned(t.Context(), key); err != nil || got != want {
			t.Errorf("all of %s: %d, want %d: %v", key, got, want, err)
		}
	}
}

// R39: what a key signed last is known as long as it retires, so that it can be published until then.
func retiringKnowsItsLast(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	w.signedBy("active", 1)
	last := w.signedBy("retiring", 3)
	ring, err := w.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range ring.Keys {
		want := time.Time{}
		if k.State == keys.Retiring {
			want = last
		}
		if !k.SignedUntil.Equal(want) {
			t.Errorf("%s key: its last token expires at %s; want %s", k.State, k.SignedUntil, want)
		}
	}
}
