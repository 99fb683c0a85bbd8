// Package timeline is an issuer in memory: the signing keys with their real policy, the JWT mode and the real HTTP handler of the key set,
// on a clock that a test drives.
//
// It owns the joining of them and nothing else: which clock, which moments and which verifiers are the tests'. It is meant for a
// synctest bubble, in which months pass in milliseconds. Start reading at New.
package timeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	httpapi "github.com/dualmint/dualmint/internal/http"
	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// What every token of a timeline says.
const (
	Name     = "https://issuer.example"
	KeySet   = Name + "/.well-known/jwks.json"
	Receiver = m2m.MachineID("mch_000000000000000000000000B00")
	caller   = m2m.MachineID("mch_000000000000000000000000A00")
)

// Issuer is the issuer of a timeline.
type Issuer struct {
	Keys   *keys.Keeper
	Policy keys.Policy

	now     func() time.Time
	mode    *jwtmode.Mode
	handler http.Handler
}

// New starts an issuer whose signing keys tend themselves until ctx ends.
func New(ctx context.Context, tb testing.TB, now func() time.Time, p keys.Policy) *Issuer {
	tb.Helper()
	sealer, err := secret.NewSealer("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		tb.Fatal(err)
	}
	keeper := keys.New(keys.Deps{Store: &memory{now: now}, Sealer: sealer, Policy: p, Now: now})
	if err := keeper.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	go func() { _ = keeper.Run(ctx) }()
	return &Issuer{
		Keys: keeper, Policy: p, now: now,
		mode:    jwtmode.New(jwtmode.Deps{Issuer: Name, Signer: keeper, PublicKeys: keeper, Now: now}),
		handler: httpapi.New(httpapi.Deps{Keys: keeper, Logger: slog.New(slog.DiscardHandler), Now: now}), //nolint:contextcheck // every request has a context of its own
	}
}

// Mint makes a token that lives as long as it is told.
func (i *Issuer) Mint(ctx context.Context, tb testing.TB, life time.Duration) string {
	tb.Helper()
	at := i.now().UTC().Truncate(time.Second)
	minted, err := i.mode.Mint(ctx, m2m.Grant{
		ID: m2m.NewTokenID(), Machine: caller, Scopes: m2m.Scopes{Receiver}, IssuedAt: at, ExpiresAt: at.Add(life),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return minted.Bearer.Reveal()
}

// Client answers requests for the key set in memory, with the headers that a server sends.
func (i *Issuer) Client() *http.Client { return &http.Client{Transport: i} }

// RoundTrip answers a request for anything that the issuer publishes.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme+"://"+r.URL.Host != Name {
		return nil, fmt.Errorf("a request to %s", r.URL)
	}
	out := httptest.NewRecorder()
	i.handler.ServeHTTP(out, r)
	resp := out.Result()
	resp.Request = r
	return resp, nil
}

// memory keeps a ring as the contract of keys.Store says, for one process.
type memory struct {
	now    func() time.Time
	mu     sync.Mutex
	ring   keys.Ring
	served []keys.Served
}

func (m *memory) Ring(context.Context) (keys.Ring, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return keys.Ring{Version: m.ring.Version, At: m.now().UTC(), Keys: slices.Clone(m.ring.Keys), Served: m.served}, nil
}

func (m *memory) ChangeRing(_ context.Context, _ m2m.Actor, was int64, changes []keys.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ring.Version != was {
		return m2m.ErrConflict
	}
	next := slices.Clone(m.ring.Keys)
	for _, c := range changes {
		dated := c.Dated(m.now().UTC())
		at := slices.IndexFunc(next, func(k keys.Key) bool { return k.ID == c.Key.ID })
		switch {
		case at < 0 && c.From == "":
			next = append(next, dated)
		case at >= 0 && next[at].State == c.From:
			next[at] = dated
		default:
			return errors.New("an impossible change")
		}
	}
	slices.SortFunc(next, func(a, b keys.Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	m.ring = keys.Ring{Version: was + 1, Keys: next}
	return nil
}

func (m *memory) ServeKeySet(_ context.Context, maxAge, lease, life time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.served = []keys.Served{{MaxAge: maxAge, Lease: lease, Until: m.now().Add(life)}} // one process, one policy
	return nil
}

func (m *memory) CountSigned(context.Context, m2m.KeyID) (int64, error) { return 0, nil }

func (m *memory) SignedTokens(context.Context, int64) (map[m2m.KeyID]keys.Signed, error) {
	return map[m2m.KeyID]keys.Signed{}, nil
}
