package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func recordPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("WhatIsRecordedIsThereAndBilledOnce", func(t *testing.T) { recordsRoundTrip(t, open) })
	t.Run("OnlyTheActiveKeyRecords", func(t *testing.T) { keyMustBeActive(t, open) })
	t.Run("OneBadTokenFailsAlone", func(t *testing.T) { badTokenFailsAlone(t, open) })
}

// R12, R27.
func recordsRoundTrip(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	b, _ := w.machine()
	a, _ := w.machine(b)
	plain, endless, null, jwt := w.opaque(a, b), w.opaque(a), w.opaque(a, b), w.jwt("active", a, b)
	endless.Grant.ExpiresAt, null.Grant.Claims = time.Time{}, nil
	all := []tokens.NewRecord{plain, endless, null, jwt}
	w.put(all...)
	verdicts, err := w.CheckTokens(t.Context(), []tokens.Check{
		{Caller: operator, Token: presented(plain)},
		{Caller: operator, Token: presented(endless)},
		{Caller: operator, Token: presented(null)},
		{Caller: operator, Token: presented(jwt)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range all {
		r := verdicts[i].Record
		if r == nil {
			t.Fatalf("token %d is not there", i)
		}
		want := m2m.Record{
			Grant: n.Grant, Format: n.Format, KeyID: n.KeyID, CreatedAt: n.CreatedAt.Truncate(time.Millisecond),
			UpdatedAt: r.LastUsedAt, LastUsedAt: r.LastUsedAt,
		}
		if diff := cmp.Diff(want, *r); diff != "" {
			t.Errorf("token %d (-want +got):\n%s", i, diff)
		}
	}
	if got := w.counted()[count{a, "", m2m.OpCreate, m2m.Opaque}]; got != 3 {
		t.Errorf("%d opaque creations counted", got)
	}
	if got := w.counted()[count{a, "", m2m.OpCreate, m2m.JWT}]; got != 1 {
		t.Errorf("%d JWT creations counted", got)
	}
}

// R40.
func keyMustBeActive(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	states := []string{"announced", "active", "retiring", "removed", "compromised", "unheard of"}
	items := make([]tokens.NewRecord, len(states))
	for i, state := range states {
		items[i] = w.jwt(state, a)
	}
	errs, err := w.RecordTokens(t.Context(), items)
	if err != nil {
		t.Fatal(err)
	}
	for i, state := range states {
		if refused := errors.Is(errs[i], m2m.ErrKeyNotActive); refused != (state != "active") || !refused && errs[i] != nil {
			t.Errorf("signed with a key that is %s: %v", state, errs[i])
		}
	}
	if got := w.Int("SELECT count(*) FROM tokens"); got != 1 {
		t.Errorf("%d tokens recorded", got)
	}
	if got := w.counted()[count{a, "", m2m.OpCreate, m2m.JWT}]; got != 1 {
		t.Errorf("%d counted", got)
	}
}

func badTokenFailsAlone(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, _ := w.machine()
	good := w.opaque(a)
	w.put(good)
	spoil := func(change func(*tokens.NewRecord)) tokens.NewRecord {
		n := w.opaque(a)
		change(&n)
		return n
	}
	twice := w.opaque(a)
	items := []tokens.NewRecord{
		spoil(func(*tokens.NewRecord) {}),
		good, // there already
		spoil(func(n *tokens.NewRecord) { n.Hash = good.Hash }),
		spoil(func(n *tokens.NewRecord) { n.Hash = secret.Hash{} }),
		spoil(func(n *tokens.NewRecord) { n.Grant.ID = "mt_\x00" }),
		spoil(func(n *tokens.NewRecord) { n.Grant.Machine = "mch_\x00" }),
		spoil(func(n *tokens.NewRecord) { n.Grant.Scopes = m2m.Scopes{"mch_\x00"} }),
		spoil(func(n *tokens.NewRecord) { n.Grant.Claims = m2m.Claims("{\"a\":\"\x00\"}") }),
		spoil(func(n *tokens.NewRecord) { n.Grant.Claims = m2m.Claims{} }),
		spoil(func(n *tokens.NewRecord) { n.Format = "" }),
		spoil(func(n *tokens.NewRecord) { n.Format = m2m.JWT }),
		spoil(func(n *tokens.NewRecord) { n.Reuse = &tokens.Reusable{} }),
		twice, twice,
	}
	errs, err := w.RecordTokens(t.Context(), items)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if wantGood := i == 0 || i == len(items)-2; (err == nil) != wantGood {
			t.Errorf("token %d: %v", i, err)
		}
	}
	if got := w.counted()[count{a, "", m2m.OpCreate, m2m.Opaque}]; got != 3 {
		t.Errorf("%d counted, 3 are there", got)
	}
}

// whole looks for rows that a constraint would have refused, whether the database has it or not (decision 0018).
func (w *world) whole() {
	w.t.Helper()
	for what, query := range map[string]string{
		"without a machine":     "SELECT count(*) FROM tokens t WHERE NOT EXISTS (SELECT 1 FROM machines m WHERE m.id = t.machine_id)",
		"without a signing key": "SELECT count(*) FROM tokens t WHERE t.key_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM signing_keys k WHERE k.kid = t.key_id)",
		"that count nothing": "SELECT count(*) FROM usage WHERE hour % 3600000 <> 0 OR count < 1 OR operation NOT IN ('create', 'verify')" +
			" OR format NOT IN ('opaque', 'jwt')",
	} {
		if n := w.Int(query); n != 0 {
			w.t.Errorf("%d rows %s", n, what)
		}
	}
}
