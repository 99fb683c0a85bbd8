package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
)

func assertionPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("AnAssertionProvesItsMachineAsItIsNow", func(t *testing.T) { assertionProves(t, open) })
	t.Run("AnAssertionIsGoodOnceOnEveryReplica", func(t *testing.T) { assertionIsGoodOnce(t, open) })
	t.Run("OfConcurrentUsesOfAnAssertionOneSucceeds", func(t *testing.T) { oneUseOfMany(t, open) })
	t.Run("AnAssertionMeetsADeletion", func(t *testing.T) { assertionMeetsDeletion(t, open) })
	t.Run("NoAssertionOutlivesItsKeyOrItsMachine", func(t *testing.T) { assertionDiesWithItsKey(t, open) })
	t.Run("AForgottenUseIsNeverGoodAgain", func(t *testing.T) { forgottenIsDead(t, open) })
}

const clientKey, otherClientKey = `{"crv":"Ed25519","kty":"OKP","x":"a"}`, `{"crv":"Ed25519","kty":"OKP","x":"b"}`

// keyed makes a machine with a public key.
func (w *world) keyed(calls ...m2m.MachineID) m2m.MachineID {
	w.t.Helper()
	id, _ := w.machine(calls...)
	w.setKey(id, clientKey)
	return id
}

func (w *world) setKey(id m2m.MachineID, jwk any) {
	w.t.Helper()
	w.Exec("UPDATE machines SET public_jwk = ? WHERE id = ?", jwk, string(id))
}

// assertion is one that nobody used, with some seconds to live.
func (w *world) assertion(of m2m.MachineID, seconds int64) m2m.Assertion {
	return m2m.Assertion{Machine: of, Use: w.fresh(), ExpiresAt: time.UnixMilli(w.now() + seconds*1000)}
}

// RFC 7523 section 3
func assertionProves(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	b, _ := w.machine()
	dead, _ := w.machine()
	a := w.keyed(b, dead)
	w.setKey(dead, clientKey)
	w.remove(dead)
	key, err := w.AssertionKey(t.Context(), a)
	if err != nil || string(key.JWK) != clientKey {
		t.Fatalf("%s, %v", key.JWK, err)
	}
	jwk := key.JWK
	proven, err := w.UseAssertion(t.Context(), w.assertion(a, 60), jwk)
	must(t, err)
	if proven.Machine.ID != a || proven.Machine.DefaultFormat != m2m.Opaque {
		t.Errorf("%+v", proven.Machine)
	}
	if diff := cmp.Diff(m2m.Scopes{b}, proven.Machine.Scopes); diff != "" {
		t.Error(diff)
	}
	// Verifications know it by its current secret, and by no older one.
	end := w.now() + 60_000
	w.Exec("UPDATE machine_secrets SET expires_at = ? WHERE machine_id = ?", end, string(a))
	next := w.fresh()
	w.secret(a, next, nil)
	if proven, err = w.UseAssertion(t.Context(), w.assertion(a, 60), jwk); err != nil || proven.Current != next {
		t.Errorf("not the current secret: %v", err)
	}
	if key, err = w.AssertionKey(t.Context(), a); err != nil || key.Current != next {
		t.Errorf("not the key's current secret: %v", err)
	}
	for what, id := range map[string]m2m.MachineID{"without a key": b, "deleted": dead, "unknown": newMachineID(), "no id": "\x00"} {
		_, err := w.AssertionKey(t.Context(), id)
		wants(t, what, err, m2m.ErrRefused)
	}
}

// RFC 7523 section 3, point 7
func assertionIsGoodOnce(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, other := w.keyed(), w.keyed()
	stores := []HotStore{w.HotStore, w.HotStore}
	if w.Another != nil {
		stores[1] = w.Another()
	}
	for i := range 20 {
		used := w.assertion(a, 60)
		_, err := stores[i%2].UseAssertion(t.Context(), used, []byte(clientKey))
		must(t, err)
		for _, s := range stores {
			_, err = s.UseAssertion(t.Context(), used, []byte(clientKey))
			wants(t, "again", err, m2m.ErrRefused)
			later := used
			later.ExpiresAt = later.ExpiresAt.Add(time.Minute)
			_, err = s.UseAssertion(t.Context(), later, []byte(clientKey))
			wants(t, "again, in another assertion", err, m2m.ErrRefused)
		}
		used.Machine = other // a jti is its issuer's
		_, err = stores[i%2].UseAssertion(t.Context(), used, []byte(clientKey))
		must(t, err)
	}
}

// R66: the primary key decides, not a look before it.
func oneUseOfMany(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a := w.keyed()
	stores := []HotStore{w.HotStore}
	if w.Another != nil {
		stores = append(stores, w.Another())
	}
	for range 10 {
		used := w.assertion(a, 60)
		var good atomic.Int64
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, err := stores[i%len(stores)].UseAssertion(t.Context(), used, []byte(clientKey))
				if err == nil {
					good.Add(1)
					return
				}
				wants(t, "the second", err, m2m.ErrRefused)
			})
		}
		all.Wait()
		if good.Load() != 1 {
			t.Fatalf("%d of 50 uses succeeded", good.Load())
		}
	}
}

// R16
func assertionDiesWithItsKey(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, dead := w.keyed(), w.keyed()
	for what, change := range map[string]any{"another key": otherClientKey, "no key": nil} {
		w.setKey(a, change)
		_, err := w.UseAssertion(t.Context(), w.assertion(a, 60), []byte(clientKey))
		wants(t, what, err, m2m.ErrRefused)
	}
	w.setKey(a, clientKey)
	_, err := w.UseAssertion(t.Context(), w.assertion(a, 60), []byte(clientKey))
	must(t, err)
	w.remove(dead)
	_, err = w.UseAssertion(t.Context(), w.assertion(dead, 60), []byte(clientKey))
	wants(t, "deleted", err, m2m.ErrRefused)
	_, err = w.UseAssertion(t.Context(), w.assertion(newMachineID(), 60), []byte(clientKey))
	wants(t, "unknown", err, m2m.ErrRefused)
	if n := w.Int("SELECT count(*) FROM client_assertions"); n != 1 {
		t.Errorf("%d uses written down", n)
	}
}

// R16: whoever is deleted in the middle of it is refused, like whoever was deleted before.
func assertionMeetsDeletion(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	for range 30 {
		a := w.keyed()
		begin := make(chan struct{})
		var both sync.WaitGroup
		for range 4 {
			used := w.assertion(a, 60)
			both.Go(func() {
				<-begin
				if _, err := w.UseAssertion(t.Context(), used, []byte(clientKey)); err != nil {
					wants(t, "while it is deleted", err, m2m.ErrRefused)
				}
			})
		}
		both.Go(func() {
			<-begin
			w.remove(a)
			w.Exec("DELETE FROM machine_secrets WHERE machine_id = ?", string(a))
		})
		close(begin)
		both.Wait()
	}
}

// I10: one clock, the database's, decides when an assertion ends and when its use may be forgotten. A replica that was paused for longer than
// that, after it had checked everything else, gets no second use.
func forgottenIsDead(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a := w.keyed()
	use := func(seconds int64, ok bool) m2m.Assertion {
		t.Helper()
		x := w.assertion(a, seconds)
		if _, err := w.UseAssertion(t.Context(), x, []byte(clientKey)); (err == nil) != ok {
			t.Errorf("%d seconds to live: %v", seconds, err)
		}
		return x
	}
	use(0, false)
	use(-1, false)
	living := use(60, true)
	var past []m2m.Assertion
	for range 5 {
		past = append(past, use(60, true))
	}
	// They age without waiting.
	w.Exec("UPDATE client_assertions SET expires_at = expires_at - 121000 WHERE use_hash <> ?", bytesOf(living.Use))
	for _, step := range []struct{ most, want int64 }{{2, 2}, {10, 3}, {10, 0}} {
		if n, err := w.ForgetAssertions(t.Context(), int(step.most)); err != nil || n != step.want {
			t.Errorf("forgot %d, want %d: %v", n, step.want, err)
		}
	}
	for _, x := range past {
		x.ExpiresAt = x.ExpiresAt.Add(-121 * time.Second)
		_, err := w.UseAssertion(t.Context(), x, []byte(clientKey))
		wants(t, "a forgotten one", err, m2m.ErrRefused)
	}
	_, err := w.UseAssertion(t.Context(), living, []byte(clientKey))
	wants(t, "one that lives", err, m2m.ErrRefused)
	w.Exec("UPDATE client_assertions SET expires_at = ?", w.now()-30_000)
	if n, err := w.ForgetAssertions(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("forgot %d that a statement under way could still meet: %v", n, err)
	}
}
