package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	alpha = m2m.MachineID("mch_000000000000000000000000001")
	beta  = m2m.MachineID("mch_000000000000000000000000002")
)

// fakeStore answers what a test puts into it and remembers what it was asked.
type fakeStore struct {
	Store
	caller   m2m.Caller
	verdicts func([]Check) []Verdict
	record   func([]NewRecord) []error
	err      error

	checks   []Check
	recorded []NewRecord
	reused   int
	kept     *NewRecord // is found by ReuseToken
	revoked  []*string
}

func (f *fakeStore) Callers(_ context.Context, hashes []secret.Hash) ([]m2m.Caller, error) {
	out := make([]m2m.Caller, len(hashes))
	for i, h := range hashes {
		if h == secret.HashOf("good") {
			out[i] = f.caller
		}
	}
	return out, f.err
}

func (f *fakeStore) CheckTokens(_ context.Context, checks []Check) ([]Verdict, error) {
	f.checks = append(f.checks, checks...)
	if f.err != nil {
		return nil, f.err
	}
	return f.verdicts(checks), nil
}

func (f *fakeStore) RecordTokens(_ context.Context, records []NewRecord) ([]error, error) {
	if f.err != nil {
		return nil, f.err
	}
	results := make([]error, len(records))
	if f.record != nil {
		results = f.record(records)
	}
	for i, err := range results {
		if err == nil {
			f.recorded = append(f.recorded, records[i])
		}
	}
	return results, nil
}

func (f *fakeStore) ReuseToken(ctx context.Context, _ secret.Hash, _ time.Duration, mint func(context.Context) (NewRecord, error)) (m2m.Record, secret.Sealed, bool, error) {
	f.reused++
	if f.kept != nil {
		return f.kept.asRecord(), f.kept.Reuse.Sealed, false, nil
	}
	n, err := mint(ctx)
	if err != nil {
		return m2m.Record{}, secret.Sealed{}, false, err
	}
	return n.asRecord(), n.Reuse.Sealed, true, nil
}

func (f *fakeStore) ListTokens(context.Context, ListQuery) ([]m2m.Record, int64, error) {
	return nil, 0, f.err
}

func (f *fakeStore) RevokeToken(_ context.Context, _ m2m.Actor, id m2m.TokenID, holder m2m.MachineID, reason *string) (m2m.Record, error) {
	if holder == beta {
		return m2m.Record{}, m2m.ErrNotFound
	}
	f.revoked = append(f.revoked, reason)
	return m2m.Record{Grant: m2m.Grant{ID: id}}, nil
}

// fakeMode writes the grant as JSON behind its shape.
type fakeMode struct {
	format m2m.Format
	kid    m2m.KeyID
	err    error
	asked  []time.Time // when what was read was asked about
}

func (f *fakeMode) Mint(_ context.Context, g m2m.Grant) (m2m.Minted, error) {
	if f.err != nil {
		return m2m.Minted{}, f.err
	}
	text, err := json.Marshal(g)
	return m2m.Minted{Bearer: secret.Text("mt_" + string(text)), KeyID: f.kid, Hash: secret.HashOf(secret.Text(text))}, err
}

func (f *fakeMode) Read(_ context.Context, b secret.Text, asked time.Time) (m2m.Presented, error) {
	f.asked = append(f.asked, asked)
	switch b {
	case "mt_bad":
		return m2m.Presented{}, m2m.ErrRefused
	case "mt_dark":
		return m2m.Presented{}, errors.New("no light")
	}
	return m2m.Presented{Format: f.format, Hash: secret.HashOf(b)}, nil
}

type world struct {
	*Service
	store     *fakeStore
	opaque    *fakeMode
	jwt       *fakeMode
	now       time.Time
	refreshed int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealer, err := secret.NewSealer("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		store:  &fakeStore{caller: m2m.Caller{Machine: &m2m.Machine{ID: alpha, DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque, Scopes: m2m.Scopes{beta}}}},
		opaque: &fakeMode{format: m2m.Opaque}, jwt: &fakeMode{format: m2m.JWT, kid: "k1"},
		now: time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC),
	}
	w.Service = New(Deps{
		Store: w.store, Hot: w.store, Opaque: w.opaque, JWT: w.jwt, Sealer: sealer,
		Now: func() time.Time { return w.now }, JWTMaxTTL: 24 * time.Hour,
		RefreshKeys: func(context.Context) error {
			w.refreshed++
			w.jwt.kid = "k2"
			return nil
		},
	})
	return w
}
