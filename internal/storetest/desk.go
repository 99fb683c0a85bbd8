package storetest

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

func deskPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("TokenPagesCoverEverythingOnceInBothDirections", func(t *testing.T) { tokenPagesCoverEverything(t, open) })
	t.Run("ATokenIsSeenWithAllThatDecides", func(t *testing.T) { tokenIsSeenWhole(t, open) })
	t.Run("LivingTokensOfAMachineAreCounted", func(t *testing.T) { livingAreCounted(t, open) })
	t.Run("RevokingManyEndsTheLivingOnesAlone", func(t *testing.T) { revokesMany(t, open) })
	t.Run("ATokenMadeByTheOperatorIsBilledAndAudited", func(t *testing.T) { operatorsTokenIsAudited(t, open) })
}

func tokenPagesCoverEverything(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _ := w.machine()
	b, _ := w.machine()
	gone, _ := w.machine()
	w.remove(gone)
	all := make([]tokens.NewRecord, 11)
	for i := range all {
		all[i] = w.opaque(a)
		all[i].CreatedAt = time.UnixMilli(int64(1000 + i/3)).UTC() // ties
		w.put(all[i])
	}
	w.Exec("UPDATE tokens SET revoked_at = 5 WHERE id = ?", string(all[4].Grant.ID))
	w.put(w.opaque(b))
	slices.SortFunc(all, func(x, y tokens.NewRecord) int { return -compareTokens(x, y) })
	for _, limit := range []int{1, 4, 20} {
		q := tokens.PageQuery{Machine: a, Limit: limit}
		var forth []m2m.TokenID
		for more := true; more; {
			page, err := w.TokenPage(t.Context(), q)
			must(t, err)
			if page.Previous != (q.From != "") {
				t.Errorf("behind %q: previous %t", q.From, page.Previous)
			}
			for _, r := range page.Tokens {
				forth = append(forth, r.ID)
			}
			more, q.From = page.Next && len(forth) <= len(all), forth[len(forth)-1]
		}
		back := []m2m.TokenID{forth[len(forth)-1]}
		for more := true; more; {
			page, err := w.TokenPage(t.Context(), tokens.PageQuery{Machine: a, Limit: limit, From: back[0], Back: true})
			must(t, err)
			ids := make([]m2m.TokenID, 0, limit)
			for _, r := range page.Tokens {
				ids = append(ids, r.ID)
			}
			back = append(ids, back...)
			more = page.Previous && len(back) <= len(all)
		}
		for i, n := range all {
			if len(forth) != len(all) || len(back) != len(all) || forth[i] != n.Grant.ID || back[i] != n.Grant.ID {
				t.Fatalf("pages of %d: place %d is wrong: %d forth, %d back", limit, i, len(forth), len(back))
			}
		}
	}
	for _, id := range []m2m.MachineID{gone, newMachineID(), "x"} {
		_, err := w.TokenPage(t.Context(), tokens.PageQuery{Machine: id, Limit: 3})
		wants(t, "no such machine", err, m2m.ErrMachineNotFound)
	}
}

func compareTokens(x, y tokens.NewRecord) int {
	if c := x.CreatedAt.Compare(y.CreatedAt); c != 0 {
		return c
	}
	return slices.Compare([]byte(x.Grant.ID), []byte(y.Grant.ID))
}

func tokenIsSeenWhole(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	b, _ := w.machine()
	c, _ := w.machine()
	gone, _ := w.machine()
	a, _ := w.machine(c, gone)
	w.remove(gone)
	n := w.jwt("active", a, b, c)
	w.put(n)
	state := func() tokens.State {
		t.Helper()
		sight, err := w.Token(t.Context(), n.Grant.ID)
		must(t, err)
		return sight.State()
	}
	sight, err := w.Token(t.Context(), n.Grant.ID)
	must(t, err)
	if sight.ID != n.Grant.ID || sight.MachineName != "m" || !slices.Equal(sight.Scopes, m2m.Scopes{b, c}) || !slices.Equal(sight.ScopesNow, m2m.Scopes{c}) || sight.State() != tokens.Living {
		t.Errorf("seen %+v", sight)
	}
	for _, step := range []struct {
		sql  string
		arg  any
		want tokens.State
	}{
		{"UPDATE tokens SET expires_at = ? WHERE format = 'jwt'", w.now() - 1, tokens.Expired},
		{"UPDATE signing_keys SET state = 'compromised' WHERE kid = ?", string(keyOf("active")), tokens.KeyCompromised},
		{"UPDATE machines SET deleted_at = 2 WHERE id = ?", string(a), tokens.MachineDeleted},
		{"UPDATE tokens SET revoked_at = ? WHERE format = 'jwt'", 5, tokens.Revoked},
	} {
		w.Exec(step.sql, step.arg)
		if got := state(); got != step.want {
			t.Errorf("after %s: %s, want %s", step.sql, got, step.want)
		}
	}
	for _, id := range []m2m.TokenID{m2m.NewTokenID(), "x", "\x00"} {
		_, err := w.Token(t.Context(), id)
		wants(t, "no such token", err, m2m.ErrNotFound)
	}
}

// mixed gives a machine three living tokens, one of them without an end, and one of each sort of dead ones.
func (w *world) mixed() (id m2m.MachineID, living, dead []tokens.NewRecord) {
	w.t.Helper()
	id, _ = w.machine()
	endless := w.opaque(id)
	endless.Grant.ExpiresAt = time.Time{}
	living = []tokens.NewRecord{endless, w.opaque(id), w.jwt("active", id)}
	dead = []tokens.NewRecord{w.opaque(id), w.opaque(id)}
	w.put(append(slices.Clone(living), dead...)...)
	w.Exec("UPDATE tokens SET expires_at = ? WHERE id = ?", w.now()-1, string(dead[0].Grant.ID))
	w.Exec("UPDATE tokens SET revoked_at = 5, revocation_reason = 'first' WHERE id = ?", string(dead[1].Grant.ID))
	return id, living, dead
}

func livingAreCounted(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _, _ := w.mixed()
	b, _, _ := w.mixed()
	none, _ := w.machine()
	for most, want := range map[int]int{math.MaxInt: 3, 100: 3, 3: 3, 2: 2, 1: 1} {
		got, err := w.LivingTokens(t.Context(), []m2m.MachineID{a, none, b, newMachineID()}, most)
		must(t, err)
		if len(got) != 2 || got[a] != want || got[b] != want {
			t.Errorf("at most %d: %v, want %d", most, got, want)
		}
	}
	// Tokens of a key that is compromised do not live, and pages of them say which key that is.
	c, _ := w.machine()
	jwt := w.jwt("active", c)
	w.put(w.opaque(c), jwt)
	w.Exec("UPDATE signing_keys SET state = 'compromised' WHERE kid = ?", string(jwt.KeyID))
	got, err := w.LivingTokens(t.Context(), []m2m.MachineID{a, c}, 100)
	if err != nil || got[a] != 2 || got[c] != 1 { // one of a's was such a JWT
		t.Errorf("with a compromised key: %v, %v", got, err)
	}
	page, err := w.TokenPage(t.Context(), tokens.PageQuery{Machine: c, Limit: 5})
	if err != nil || len(page.Tokens) != 2 || !slices.Equal(page.Compromised, []m2m.KeyID{jwt.KeyID}) {
		t.Errorf("%d tokens, compromised: %v, %v", len(page.Tokens), page.Compromised, err)
	}
}

// R18, R63
func revokesMany(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Snapshot)
	receiver, caller := w.machine()
	a, living, dead := w.mixed()
	b, _, _ := w.mixed()
	w.Exec("UPDATE tokens SET scopes = ?", string(receiver))
	other := w.opaque(receiver, receiver)
	w.put(other)
	reason := "leaked"
	for _, want := range []int64{2, 1, 0} {
		n, err := w.RevokeMany(t.Context(), admin(), a, &reason, 2)
		if err != nil || n != want {
			t.Fatalf("revoked %d, %v, want %d", n, err, want)
		}
	}
	for i, n := range living {
		w.want("a revoked token", w.verify(caller, n), true, false)
		sight, err := w.Token(t.Context(), n.Grant.ID)
		must(t, err)
		if sight.State() != tokens.Revoked || *sight.RevocationReason != reason {
			t.Errorf("token %d: %+v", i, sight.Record)
		}
	}
	w.want("another machine's", w.verify(caller, other), true, true)
	if sight, err := w.Token(t.Context(), dead[1].Grant.ID); err != nil || *sight.RevocationReason != "first" {
		t.Errorf("the first reason is gone: %+v, %v", sight.Record, err)
	}
	if sight, err := w.Token(t.Context(), dead[0].Grant.ID); err != nil || sight.State() != tokens.Expired {
		t.Errorf("what had expired is %s, %v", sight.State(), err)
	}
	entries, err := w.AuditEntries(t.Context(), audit.Query{Action: "token.revoke_all", Target: string(a), Limit: 9})
	must(t, err)
	var details []map[string]string
	for _, e := range entries {
		details = append(details, e.Details)
		if e.Actor != admin() {
			t.Errorf("audit: %+v", e)
		}
	}
	if diff := cmp.Diff([]map[string]string{{"tokens": "1", "revocation_reason": reason}, {"tokens": "2", "revocation_reason": reason}}, details); diff != "" {
		t.Errorf("audit: %s", diff)
	}
	_, err = w.RevokeMany(t.Context(), admin(), b, nil, 9)
	must(t, err)
	entries, err = w.AuditEntries(t.Context(), audit.Query{Action: "token.revoke_all", Target: string(b), Limit: 9})
	must(t, err)
	if len(entries) != 1 || cmp.Diff(map[string]string{"tokens": "3"}, entries[0].Details) != "" {
		t.Errorf("audit without a reason: %+v", entries)
	}
	bad := "a\x00"
	_, err = w.RevokeMany(t.Context(), admin(), a, &bad, 2)
	wantsField(t, "a NUL", err, "revocation_reason", m2m.WrongFormat)
	_, err = w.RevokeMany(t.Context(), admin(), newMachineID(), nil, 2)
	wants(t, "no machine", err, m2m.ErrMachineNotFound)
}

// I4, R40, R63: the token, its bill and its audit entry are there together or not at all.
func operatorsTokenIsAudited(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _ := w.machine()
	gone, _ := w.machine()
	w.remove(gone)
	by := admin()
	by.Session = "0a1b2c3d"
	good := []tokens.NewRecord{w.opaque(a), w.jwt("active", a)}
	for _, n := range good {
		must(t, w.RecordTokenBy(t.Context(), by, n))
	}
	for _, c := range []struct {
		what string
		n    tokens.NewRecord
		want error
	}{
		{"a deleted machine", w.opaque(gone), m2m.ErrMachineNotFound}, {"a retired key", w.jwt("retiring", a), m2m.ErrKeyNotActive}, {"twice", good[0], m2m.ErrConflict},
	} {
		wants(t, c.what, w.RecordTokenBy(t.Context(), by, c.n), c.want)
	}
	if err := w.RecordTokenBy(t.Context(), m2m.Actor{}, w.opaque(a)); err == nil || errors.Is(err, m2m.ErrNotFound) { // what cannot be audited does not happen
		t.Errorf("by nobody: %v", err)
	}
	if n := w.Int("SELECT count(*) FROM tokens"); n != 2 {
		t.Errorf("%d tokens", n)
	}
	if got := w.counted(); len(got) != 2 || got[count{machine: a, op: m2m.OpCreate, format: m2m.JWT}] != 1 {
		t.Errorf("counted %v", got)
	}
	entries, err := w.AuditEntries(t.Context(), audit.Query{Action: "token.create", Limit: 9})
	must(t, err)
	if len(entries) != 2 {
		t.Fatalf("audit: %+v", entries)
	}
	for i, e := range entries {
		n := good[1-i]
		if e.Actor != by || e.Target != string(n.Grant.ID) || e.Details["machine_id"] != string(a) || e.Details["token_format"] != string(n.Format) {
			t.Errorf("audit entry %d: %+v", i, e)
		}
	}
}
