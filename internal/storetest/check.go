package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func checkPromises(t *testing.T, open OpenHot) {
	t.Helper()
	for _, rule := range []m2m.ScopeRule{m2m.Live, m2m.Snapshot} {
		t.Run("ChecksAgreeWithTheOracle/"+string(rule), func(t *testing.T) { checkAgainstOracle(t, open, rule) })
	}
	t.Run("AScopeCountsInTheTokenAndInTheMachine", func(t *testing.T) { scopesAreLive(t, open) })
	t.Run("DeletingAMachineKillsEverythingOfIt", func(t *testing.T) { deletionKills(t, open) })
	t.Run("ARefusalSaysNothing", func(t *testing.T) { refusalsAreAlike(t, open) })
	t.Run("TheSameTokenTwiceCountsTwice", func(t *testing.T) { duplicatesCount(t, open) })
	t.Run("ATokenIsDeadAtItsExpirySecond", func(t *testing.T) { deadAtExpiry(t, open) })
	t.Run("LastUseIsWrittenOnceAMinute", func(t *testing.T) { lastUseIsCoarse(t, open) })
	t.Run("ACheckOnItsOwnMatchesACheckInABatch", func(t *testing.T) { batchesDoNotMix(t, open) })
	t.Run("ConcurrentChecksAreCountedExactlyAndWithoutDeadlock", func(t *testing.T) { concurrentChecks(t, open) })
	t.Run("TheZeroTokenIsFoundNowhere", func(t *testing.T) { zeroIsNowhere(t, open) })
	t.Run("UnreadableRowsAreNeverGoodNorBilled", func(t *testing.T) { unreadableIsRefused(t, open) })
}

// R15.
func scopesAreLive(t *testing.T, open OpenHot) {
	t.Helper()
	for _, rule := range []m2m.ScopeRule{m2m.Live, m2m.Snapshot} {
		w := newWorld(t, open, rule)
		b, bSecret := w.machine()
		c, cSecret := w.machine()
		a, aSecret := w.machine(b)
		for _, n := range []tokens.NewRecord{w.opaque(a, b), w.jwt("active", a, b)} {
			w.put(n)
			w.want("receiver", w.verify(bSecret, n), true, true)
			w.want("unrelated machine", w.verify(cSecret, n), true, false)
			w.want("holder outside its own scopes", w.verify(aSecret, n), true, false)
			w.want("operator", w.verify(operator, n), true, true)
			w.Exec("DELETE FROM machine_scopes WHERE from_id = ?", string(a))
			w.want("receiver whose scope was taken", w.verify(bSecret, n), true, rule == m2m.Snapshot)
			w.scope(a, c)
			w.want("scope given after creation", w.verify(cSecret, n), true, false)
			w.scope(a, b)
			w.want("scope given back", w.verify(bSecret, n), true, true)
		}
		w.scope(a, a)
		self := w.opaque(a, a)
		w.put(self)
		w.want("holder in its own scopes", w.verify(aSecret, self), true, true)
	}
}

// R16.
func deletionKills(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, aSecret := w.machine(b)
	w.scope(a, a)
	w.scope(b, b)
	opaque, jwt := w.opaque(a, a, b), w.jwt("active", a, a, b)
	w.put(opaque, jwt)
	w.remove(a)
	for _, n := range []tokens.NewRecord{opaque, jwt} {
		w.want("token of a deleted machine", w.verify(bSecret, n), true, false)
		w.want("the same, for the operator", w.verify(operator, n), true, false)
		w.want("secret of a deleted machine", w.verify(aSecret, n), false, false)
	}
	errs, err := w.RecordTokens(t.Context(), []tokens.NewRecord{w.opaque(a), w.jwt("active", a), w.opaque(b)})
	if err != nil || !errors.Is(errs[0], m2m.ErrMachineNotFound) || !errors.Is(errs[1], m2m.ErrMachineNotFound) || errs[2] != nil {
		t.Errorf("creation for a deleted machine: %v, %v", errs, err)
	}
	callers, err := w.Callers(t.Context(), []secret.Hash{aSecret, bSecret})
	if err != nil || callers[0].Known() || callers[1].MachineID() != b {
		t.Errorf("callers: %+v, %v", callers, err)
	}
}

// R17.
func refusalsAreAlike(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	expired, revoked, other, good := w.opaque(a, b), w.opaque(a, b), w.opaque(a), w.opaque(a, b)
	w.put(expired, revoked, other, good)
	w.Exec("UPDATE tokens SET expires_at = 1 WHERE id = ?", string(expired.Grant.ID))
	w.Exec("UPDATE tokens SET revoked_at = 1 WHERE id = ?", string(revoked.Grant.ID))
	foreign := m2m.Presented{Format: m2m.JWT, ID: good.Grant.ID, KeyID: keyOf("active")} // an opaque token's id is no token (R2)
	checks := []tokens.Check{
		{Caller: bSecret},
		{Caller: bSecret, Token: m2m.Presented{Format: m2m.Opaque, Hash: w.fresh()}},
		{Caller: bSecret, Token: foreign},
		{Caller: bSecret, Token: presented(expired)},
		{Caller: bSecret, Token: presented(revoked)},
		{Caller: bSecret, Token: presented(other)},
	}
	verdicts, err := w.CheckTokens(t.Context(), checks)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if diff := cmp.Diff(tokens.Verdict{CallerKnown: true}, v); diff != "" {
			t.Errorf("refusal %d differs: %s", i, diff)
		}
	}
	if got := w.Int("SELECT count(*) FROM usage WHERE operation = 'verify'"); got != 0 {
		t.Errorf("%d usage rows for refusals", got)
	}
}

func duplicatesCount(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	n := w.opaque(a, b)
	w.put(n)
	checks := slices.Repeat([]tokens.Check{{Caller: bSecret, Token: presented(n)}, {Caller: operator, Token: presented(n)}}, 7)
	verdicts, err := w.CheckTokens(t.Context(), checks)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[*m2m.Record]bool{}
	for _, v := range verdicts {
		if v.Record == nil || seen[v.Record] {
			t.Fatalf("a verdict without a record of its own: %+v", v)
		}
		seen[v.Record] = true
	}
	want := map[count]int64{
		{a, b, m2m.OpVerify, m2m.Opaque}: 7, {a, "", m2m.OpVerify, m2m.Opaque}: 7, {a, "", m2m.OpCreate, m2m.Opaque}: 1,
	}
	if diff := cmp.Diff(want, w.counted()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// The instant is the database's: a token whose last millisecond has come is dead, one whose last has yet to come is alive. The
// verdict is bracketed by two readings of that clock, which decides it except while the clock passes the expiry itself.
func deadAtExpiry(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	for _, n := range []tokens.NewRecord{w.opaque(a, b), w.jwt("active", a, b)} {
		w.put(n)
		at := (w.now()/1000 + 2) * 1000
		w.Exec("UPDATE tokens SET expires_at = ? WHERE id = ?", at, string(n.Grant.ID))
		alive, dead := 0, 0
		for dead < 5 {
			before := w.now()
			good := w.verify(bSecret, n).Record != nil
			after := w.now()
			switch {
			case after < at && !good:
				t.Fatalf("refused %d ms before its expiry", at-after)
			case before >= at && good:
				t.Fatalf("good %d ms after its expiry", before-at)
			case before >= at:
				dead++
			case after < at:
				alive++
			}
		}
		if alive == 0 {
			t.Error("never seen alive")
		}
	}
}

func lastUseIsCoarse(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	n := w.opaque(a, b)
	w.put(n)
	lastUse := func() int64 {
		return w.Int("SELECT coalesce(last_used_at, 0) FROM tokens WHERE id = ?", string(n.Grant.ID))
	}
	v := w.verify(bSecret, n)
	first := lastUse()
	if v.Record == nil || first == 0 || v.Record.LastUsedAt.UnixMilli() != first || v.Record.UpdatedAt.UnixMilli() != first {
		t.Fatalf("the first use: row says %d, verdict %+v", first, v.Record)
	}
	for _, age := range []int64{0, 59_000} {
		w.Exec("UPDATE tokens SET last_used_at = ? WHERE id = ?", first-age, string(n.Grant.ID))
		if v := w.verify(bSecret, n); v.Record.LastUsedAt.UnixMilli() != first-age || lastUse() != first-age {
			t.Errorf("written again after %d ms", age)
		}
	}
	w.Exec("UPDATE tokens SET last_used_at = ? WHERE id = ?", first-60_000, string(n.Grant.ID))
	if w.verify(bSecret, n); lastUse() < first {
		t.Error("not written after a minute")
	}
}

func batchesDoNotMix(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	var checks []tokens.Check
	want := make([]tokens.Verdict, 0, 60)
	for range 20 {
		b, bSecret := w.machine()
		a, aSecret := w.machine(b)
		n := w.opaque(a, b)
		w.put(n)
		for _, h := range []secret.Hash{bSecret, aSecret, w.fresh()} {
			checks = append(checks, tokens.Check{Caller: h, Token: presented(n)})
			want = append(want, w.verify(h, n))
		}
	}
	for i := range want {
		if r := want[i].Record; r != nil { // what the second look sees of the first
			r.UpdatedAt = r.LastUsedAt
		}
	}
	got, err := w.CheckTokens(t.Context(), checks)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Replicas hammer the same tokens, whose last use is forgotten all the time so that everybody wants to write it, while others revoke,
// record and change keys: no call fails, and what was counted is what was answered.
func concurrentChecks(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	live := make([]tokens.NewRecord, 20)
	for i := range live {
		live[i] = w.opaque(a, b)
	}
	w.put(live...)
	handles := []HotStore{w.HotStore}
	for w.Another != nil && len(handles) < 4 {
		handles = append(handles, w.Another())
	}
	const workers, rounds = 4, 40
	var mu sync.Mutex
	got := map[count]int64{{a, "", m2m.OpCreate, m2m.Opaque}: int64(len(live))}
	var all sync.WaitGroup
	for h, store := range handles {
		for k := range workers {
			all.Go(func() {
				for round := range rounds {
					checks := make([]tokens.Check, len(live))
					for i := range checks { // each worker in an order of its own
						checks[i] = tokens.Check{Caller: bSecret, Token: presented(live[(i*(2*k+1)*7+h*5+round)%len(live)])}
					}
					verdicts, err := store.CheckTokens(t.Context(), checks)
					if err != nil {
						t.Error(err)
						return
					}
					created, err := store.RecordTokens(t.Context(), []tokens.NewRecord{w.opaque(a, b), w.jwt("active", a, b)})
					if err != nil || errors.Join(created...) != nil {
						t.Error(err, created)
						return
					}
					good := int64(0)
					for _, v := range verdicts {
						if v.Record != nil {
							good++
						}
					}
					mu.Lock()
					got[count{a, b, m2m.OpVerify, m2m.Opaque}] += good
					got[count{a, "", m2m.OpCreate, m2m.Opaque}]++
					got[count{a, "", m2m.OpCreate, m2m.JWT}]++
					mu.Unlock()
				}
			})
		}
	}
	all.Go(func() {
		for i := range rounds {
			for _, one := range live { // each by itself: a change of many at once can be a deadlock's victim
				w.Exec("UPDATE tokens SET last_used_at = NULL WHERE id = ? AND revoked_at IS NULL", string(one.Grant.ID))
			}
			if i%4 == 0 {
				if _, err := w.RevokeToken(t.Context(), m2m.Actor{Kind: m2m.Operator}, live[i/4].Grant.ID, "", nil); err != nil {
					t.Error(err)
				}
			}
		}
	})
	all.Wait()
	if diff := cmp.Diff(got, w.counted()); diff != "" {
		t.Errorf("answered (-) is not counted (+):\n%s", diff)
	}
}

// R4: what its mode refused is asked for as the zero token, and no row is that, whatever stands in it.
func zeroIsNowhere(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	n, jwt := w.opaque(a, b), w.jwt("active", a, b)
	w.put(n, jwt)
	w.Exec("UPDATE tokens SET hash = ? WHERE id = ?", make([]byte, len(secret.Hash{})), string(n.Grant.ID))
	for _, caller := range []secret.Hash{bSecret, operator} {
		zeros := []tokens.Check{{Caller: caller}, {Caller: caller, Token: m2m.Presented{Format: m2m.Opaque}}}
		for _, checks := range [][]tokens.Check{zeros, append(zeros, tokens.Check{Caller: caller, Token: presented(jwt)})} { // with a JWT it is another statement
			verdicts, err := w.CheckTokens(t.Context(), checks)
			must(t, err)
			for i, v := range verdicts {
				w.want(fmt.Sprintf("check %d of %d", i, len(checks)), v, true, i == len(zeros))
			}
		}
	}
	if got := w.Int("SELECT coalesce(sum(count), 0) FROM usage WHERE operation = 'verify'"); got != 2 {
		t.Errorf("%d billed, want the JWT twice", got)
	}
}

func unreadableIsRefused(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	for i, change := range []string{
		fmt.Sprintf("scopes = '%s,'", b), fmt.Sprintf("scopes = ' %s'", b), "claims = 'null'", "claims = '{'", "id = 'mt_" + fmt.Sprintf("%032d", 0)[:31] + "G'",
	} {
		n := w.opaque(a, b)
		w.put(n)
		w.Exec("UPDATE tokens SET "+change+" WHERE id = ?", string(n.Grant.ID))
		good := w.opaque(a, b)
		w.put(good)
		checks := []tokens.Check{
			{Caller: bSecret, Token: presented(n)},
			{Caller: operator, Token: presented(n)},
			{Caller: bSecret, Token: presented(n)},
			{Caller: bSecret, Token: presented(good)},
		}
		for range 2 { // alone, and among others
			w.want(fmt.Sprintf("change %d", i), w.verify(bSecret, n), true, false)
			verdicts, err := w.CheckTokens(t.Context(), checks)
			must(t, err)
			for k, v := range verdicts {
				w.want(fmt.Sprintf("change %d, check %d", i, k), v, true, k == 3)
			}
		}
		if got := w.Int("SELECT coalesce(sum(count), 0) FROM usage WHERE operation = 'verify'"); got != int64(2*(i+1)) {
			t.Errorf("change %d: %d billed of %d that were good", i, got, 2*(i+1))
		}
	}
}
