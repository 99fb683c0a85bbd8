package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func reusePromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("ConcurrentMissesMakeOneToken", func(t *testing.T) { oneTokenForAll(t, open) })
	t.Run("OnlyLiveTokensAreReused", func(t *testing.T) { onlyLiveIsReused(t, open) })
	t.Run("TheLongestLifeIsPreferred", func(t *testing.T) { longestLife(t, open) })
	t.Run("AFailedMintLeavesNothing", func(t *testing.T) { failedMint(t, open) })
	t.Run("TheSealedFormOfAnExpiredTokenIsForgotten", func(t *testing.T) { expiredAreForgotten(t, open) })
}

func reusable(n tokens.NewRecord, fingerprint secret.Hash) tokens.NewRecord {
	n.Reuse = &tokens.Reusable{Fingerprint: fingerprint, Sealed: secret.Sealed{Version: "v", Bytes: []byte(n.Grant.ID)}}
	return n
}

func minting(n tokens.NewRecord) func(context.Context) (tokens.NewRecord, error) {
	return func(context.Context) (tokens.NewRecord, error) { return n, nil }
}

func oneTokenForAll(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	handles := []HotStore{w.HotStore}
	if w.Another != nil {
		handles = append(handles, w.Another())
	}
	const rounds, callers = 15, 6
	for range rounds {
		fingerprint := w.fresh()
		var fresh atomic.Int64
		var mu sync.Mutex
		ids := map[m2m.TokenID]bool{}
		var all sync.WaitGroup
		for i := range callers {
			n := reusable(w.opaque(a), fingerprint)
			all.Go(func() {
				r, sealed, made, err := handles[i%len(handles)].ReuseToken(t.Context(), fingerprint, time.Minute, minting(n))
				if err != nil || string(sealed.Bytes) != string(r.ID) || sealed.Version != "v" {
					t.Errorf("%v: %s sealed as %q", err, r.ID, sealed.Bytes)
				}
				if made {
					fresh.Add(1)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[r.ID] = true
			})
		}
		all.Wait()
		if len(ids) != 1 || fresh.Load() != 1 {
			t.Fatalf("%d tokens, %d of them fresh", len(ids), fresh.Load())
		}
	}
	if got := w.counted()[count{a, "", m2m.OpCreate, m2m.Opaque}]; got != rounds || w.Int("SELECT count(*) FROM tokens") != rounds {
		t.Errorf("%d billed for %d", got, rounds)
	}
}

func onlyLiveIsReused(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	for name, c := range map[string]struct {
		jwt   bool
		spoil string // the statement that makes the token unfit, or nothing
		want  bool
	}{
		"live":                   {want: true},
		"live JWT":               {jwt: true, want: true},
		"JWT of a retiring key":  {jwt: true, want: true, spoil: "UPDATE tokens SET key_id = '" + string(keyOf("retiring")) + "' WHERE id = ?"},
		"of a compromised key":   {jwt: true, spoil: "UPDATE tokens SET key_id = '" + string(keyOf("compromised")) + "' WHERE id = ?"},
		"of a removed key":       {jwt: true, spoil: "UPDATE tokens SET key_id = '" + string(keyOf("removed")) + "' WHERE id = ?"},
		"revoked":                {spoil: "UPDATE tokens SET revoked_at = 1 WHERE id = ?"},
		"too little life left":   {spoil: "UPDATE tokens SET expires_at = " + w.clock() + " + 59000 WHERE id = ?"},
		"enough life left":       {want: true, spoil: "UPDATE tokens SET expires_at = " + w.clock() + " + 70000 WHERE id = ?"},
		"expired":                {spoil: "UPDATE tokens SET expires_at = 1 WHERE id = ?"},
		"endless":                {want: true, spoil: "UPDATE tokens SET expires_at = NULL WHERE id = ?"},
		"of another fingerprint": {spoil: "UPDATE tokens SET reuse_key = hash WHERE id = ?"},
	} {
		a, _ := w.machine()
		make1 := w.opaque
		if c.jwt {
			make1 = func(of m2m.MachineID, s ...m2m.MachineID) tokens.NewRecord { return w.jwt("active", of, s...) }
		}
		fingerprint := w.fresh()
		first, second := reusable(make1(a), fingerprint), reusable(make1(a), fingerprint)
		w.put(first)
		if c.spoil != "" {
			w.Exec(c.spoil, string(first.Grant.ID))
		}
		r, _, made, err := w.ReuseToken(t.Context(), fingerprint, time.Minute, minting(second))
		if err != nil || made == c.want || (r.ID == first.Grant.ID) != c.want {
			t.Errorf("%s: made %v, %v", name, made, err)
		}
		if got := w.counted()[count{a, "", m2m.OpCreate, first.Format}]; got != w.Int("SELECT count(*) FROM tokens WHERE machine_id = ?", string(a)) {
			t.Errorf("%s: %d billed", name, got)
		}
	}
}

func longestLife(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	fingerprint := w.fresh()
	short, long := reusable(w.opaque(a), fingerprint), reusable(w.opaque(a), fingerprint)
	long.Grant.ExpiresAt = long.Grant.ExpiresAt.Add(time.Second)
	w.put(short, long, reusable(w.opaque(a), fingerprint))
	r, _, _, err := w.ReuseToken(t.Context(), fingerprint, 0, minting(short))
	if err != nil || r.ID != long.Grant.ID {
		t.Errorf("%s, %v", r.ID, err)
	}
	// Of equals the newest: it was made because the older ones did not open.
	for i := range 5 {
		endless := reusable(w.opaque(a), fingerprint)
		endless.Grant.ExpiresAt, endless.CreatedAt = time.Time{}, endless.CreatedAt.Add(time.Duration(i)*time.Millisecond)
		w.put(endless)
		if r, _, _, err := w.ReuseToken(t.Context(), fingerprint, 0, minting(short)); err != nil || r.ID != endless.Grant.ID {
			t.Errorf("of %d endless ones %s, %v", i+1, r.ID, err)
		}
	}
}

func failedMint(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	dead, _ := w.machine()
	w.remove(dead)
	fingerprint, mine := w.fresh(), errors.New("no key to sign with")
	for name, c := range map[string]struct {
		mint func(context.Context) (tokens.NewRecord, error)
		want error
	}{
		"mint's own error": {func(context.Context) (tokens.NewRecord, error) { return tokens.NewRecord{}, mine }, mine},
		"deleted machine":  {minting(reusable(w.opaque(dead), fingerprint)), m2m.ErrMachineNotFound},
		"inactive key":     {minting(reusable(w.jwt("retiring", a), fingerprint)), m2m.ErrKeyNotActive},
	} {
		r, sealed, made, err := w.ReuseToken(t.Context(), fingerprint, 0, c.mint)
		if !errors.Is(err, c.want) || made || r.ID != "" || len(sealed.Bytes) != 0 {
			t.Errorf("%s: %v, made %v, %+v", name, err, made, r)
		}
	}
	if got := w.Int("SELECT count(*) FROM tokens") + w.Int("SELECT count(*) FROM usage"); got != 0 {
		t.Errorf("%d rows left behind", got)
	}
}

// R7, R8: what nobody can be given any more is not there to be opened either.
func expiredAreForgotten(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	fingerprint := w.fresh()
	const dead = 5
	var expired []tokens.NewRecord
	for range dead {
		expired = append(expired, reusable(w.opaque(a), fingerprint))
	}
	expired[0] = reusable(w.jwt("active", a), fingerprint)
	live, endless, plain := reusable(w.opaque(a), fingerprint), reusable(w.opaque(a), w.fresh()), w.opaque(a)
	w.put(append(expired, live, endless, plain)...)
	for _, n := range append(expired, plain) {
		w.Exec("UPDATE tokens SET expires_at = "+w.clock()+" - 1 WHERE id = ?", string(n.Grant.ID))
	}
	w.Exec("UPDATE tokens SET expires_at = NULL WHERE id = ?", string(endless.Grant.ID))
	for _, step := range []struct{ most, forgotten, left int64 }{{0, 0, 7}, {2, 2, 5}, {2, 2, 3}, {2, 1, 2}, {2, 0, 2}} {
		n, err := w.ForgetExpired(t.Context(), int(step.most))
		left := w.Int("SELECT count(*) FROM tokens WHERE sealed IS NOT NULL AND key_version IS NOT NULL AND reuse_key IS NOT NULL")
		if err != nil || n != step.forgotten || left != step.left {
			t.Fatalf("%d forgotten and %d left of at most %d, %v; want %+v", n, left, step.most, err, step)
		}
	}
	if n := w.Int("SELECT count(*) FROM tokens"); n != dead+3 {
		t.Errorf("%d tokens are left of %d", n, dead+3)
	}
	r, sealed, fresh, err := w.ReuseToken(t.Context(), fingerprint, 0, minting(live))
	if err != nil || fresh || r.ID != live.Grant.ID || string(sealed.Bytes) != string(live.Grant.ID) {
		t.Errorf("%s, fresh %v, %v", r.ID, fresh, err)
	}
}
