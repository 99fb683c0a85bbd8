package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

func listPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("ListsAreFilteredPagedAndNewestFirst", func(t *testing.T) { listsTokens(t, open) })
	t.Run("RevokingKeepsTheFirstReasonAndTime", func(t *testing.T) { revokeIsIdempotent(t, open) })
	t.Run("RevokedIsRefusedByEveryHandleAtOnce", func(t *testing.T) { revokeIsInstant(t, open) })
}

func listsTokens(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _ := w.machine()
	b, _ := w.machine()
	gone, _ := w.machine()
	w.remove(gone)
	kinds := make([]tokens.NewRecord, 12) // by number: odd ones revoked, every third expired
	for i := range kinds {
		kinds[i] = w.opaque(a)
		kinds[i].CreatedAt = time.UnixMilli(int64(1000 + i/2)).UTC() // two at each time
		w.put(kinds[i])
		if i%2 == 1 {
			w.Exec("UPDATE tokens SET revoked_at = 5 WHERE id = ?", string(kinds[i].Grant.ID))
		}
		if i%3 == 0 {
			w.Exec("UPDATE tokens SET expires_at = 6 WHERE id = ?", string(kinds[i].Grant.ID))
		}
	}
	w.put(w.opaque(b))
	for _, q := range []tokens.ListQuery{{}, {IncludeRevoked: true}, {IncludeExpired: true}, {IncludeRevoked: true, IncludeExpired: true}} {
		var want []tokens.NewRecord
		for i, n := range kinds {
			if (i%2 == 0 || q.IncludeRevoked) && (i%3 != 0 || q.IncludeExpired) {
				want = append(want, n)
			}
		}
		slices.SortFunc(want, func(x, y tokens.NewRecord) int {
			if c := y.CreatedAt.Compare(x.CreatedAt); c != 0 {
				return c
			}
			return strings.Compare(string(y.Grant.ID), string(x.Grant.ID))
		})
		q.Machine, q.Limit = a, 2
		for q.Offset = 0; q.Offset <= len(want)+1; q.Offset++ {
			got, total, err := w.ListTokens(t.Context(), q)
			if err != nil || total != int64(len(want)) {
				t.Fatalf("%+v: %d of %d, %v", q, len(got), total, err)
			}
			if diff := cmp.Diff(ids(want[min(q.Offset, len(want)):min(q.Offset+2, len(want))]), recordIDs(got)); diff != "" {
				t.Errorf("%+v: %s", q, diff)
			}
			for _, r := range got {
				i := slices.IndexFunc(kinds, func(n tokens.NewRecord) bool { return n.Grant.ID == r.ID })
				if r.Dead != (i%3 == 0) || r.Revoked() != (i%2 == 1) {
					t.Errorf("token %d: dead %v, revoked %v", i, r.Dead, r.Revoked())
				}
			}
		}
	}
	for _, of := range []m2m.MachineID{gone, "mch_000000000000000000000000000", "", "mch_\x00"} {
		if _, _, err := w.ListTokens(t.Context(), tokens.ListQuery{Machine: of, Limit: 1}); !errors.Is(err, m2m.ErrMachineNotFound) {
			t.Errorf("list of %q: %v", of, err)
		}
	}
}

func ids(ns []tokens.NewRecord) []m2m.TokenID {
	out := []m2m.TokenID{}
	for _, n := range ns {
		out = append(out, n.Grant.ID)
	}
	return out
}

func recordIDs(rs []m2m.Record) []m2m.TokenID {
	out := []m2m.TokenID{}
	for _, r := range rs {
		out = append(out, r.ID)
	}
	return out
}

// R18, R63.
func revokeIsIdempotent(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	a, _ := w.machine()
	b, _ := w.machine()
	n := reusable(w.opaque(a), w.fresh())
	w.put(n)
	by := m2m.Actor{Kind: m2m.MachineHolder, Machine: a}
	why, other, nul := "leaked", "another reason", "a\x00b"
	for name, c := range map[string]struct {
		id     m2m.TokenID
		holder m2m.MachineID
	}{
		"another machine's":  {n.Grant.ID, b},
		"unknown":            {m2m.NewTokenID(), ""},
		"not an id":          {"mt_\x00", ""},
		"a holder of no one": {n.Grant.ID, "mch_\x00"},
	} {
		if _, err := w.RevokeToken(t.Context(), by, c.id, c.holder, &why); !errors.Is(err, m2m.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var fault *m2m.FieldError
	if _, err := w.RevokeToken(t.Context(), by, n.Grant.ID, a, &nul); !errors.As(err, &fault) {
		t.Errorf("a reason with NUL: %v", err)
	}
	if w.Int("SELECT count(*) FROM audit") != 0 {
		t.Error("a refused revocation is in the audit log")
	}
	before := w.now()
	first, err := w.RevokeToken(t.Context(), by, n.Grant.ID, a, &why)
	if err != nil || !first.Revoked() || first.RevokedAt.UnixMilli() < before || first.RevocationReason == nil || *first.RevocationReason != why {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := w.RevokeToken(t.Context(), by, n.Grant.ID, "", &other)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second revocation changed: %s", diff)
	}
	listed, _, err := w.ListTokens(t.Context(), tokens.ListQuery{Machine: a, IncludeRevoked: true, Limit: 1})
	if err != nil || len(listed) != 1 {
		t.Fatal(listed, err)
	}
	if diff := cmp.Diff(first, listed[0]); diff != "" {
		t.Errorf("the list says otherwise: %s", diff)
	}
	if got := w.Int("SELECT count(*) FROM audit WHERE action = 'token.revoke' AND target = ?", string(n.Grant.ID)); got != 1 {
		t.Errorf("%d audit entries", got)
	}
	if got := w.Int("SELECT count(*) FROM tokens WHERE sealed IS NOT NULL"); got != 0 {
		t.Error("a revoked token is still kept in a form that opens")
	}
}

// Nobody accepts a token once its revoke has returned, by whatever handle.
func revokeIsInstant(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	b, bSecret := w.machine()
	a, _ := w.machine(b)
	other := w.HotStore
	if w.Another != nil {
		other = w.Another()
	}
	for range 50 {
		n := w.opaque(a, b)
		w.put(n)
		check := []tokens.Check{{Caller: bSecret, Token: presented(n)}}
		if v, err := other.CheckTokens(t.Context(), check); err != nil || v[0].Record == nil {
			t.Fatal("not accepted before", err)
		}
		if _, err := w.RevokeToken(t.Context(), m2m.Actor{Kind: m2m.Operator}, n.Grant.ID, "", nil); err != nil {
			t.Fatal(err)
		}
		if v, err := other.CheckTokens(t.Context(), check); err != nil || v[0].Record != nil {
			t.Fatal("accepted after its revoke returned", err)
		}
	}
}
