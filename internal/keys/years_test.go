package keys

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// cutOff is a replica's own way to the store, which can be cut.
type cutOff struct {
	*fakeStore
	mu  sync.Mutex
	cut bool
}

func (c *cutOff) away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *cutOff) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}

func (c *cutOff) Ring(ctx context.Context) (Ring, error) {
	if c.away() {
		return Ring{}, errStore
	}
	return c.fakeStore.Ring(ctx)
}

func (c *cutOff) ChangeRing(ctx context.Context, by m2m.Actor, was int64, changes []Change) error {
	if c.away() {
		return errStore
	}
	return c.fakeStore.ChangeRing(ctx, by, was, changes)
}

func (c *cutOff) ServeKeySet(ctx context.Context, maxAge, lease, life time.Duration) error {
	if c.away() {
		return errStore
	}
	return c.fakeStore.ServeKeySet(ctx, maxAge, lease, life)
}

// served is one answer of one replica; signed is one token.
type (
	served struct {
		at   time.Time
		kids map[m2m.KeyID]bool
	}
	signed struct {
		at, until time.Time
		kid       m2m.KeyID
	}
)

// R38-R43: two years on two replicas whose clocks differ and one of which is cut off now and then. Every token that was recorded
// verifies with every key set that any replica served from max-age before it was signed until it expired.
func TestYearsOfRotationsNeverBreakAVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Policy{MaxAge: time.Hour, Refresh: 15 * time.Minute, Lease: 31 * time.Minute, Margin: 5 * time.Second, Period: 7 * 24 * time.Hour, TokenTTL: 5 * time.Hour}
		s := &fakeStore{onChange: func(r Ring) { settled(t, r) }}
		ways := []*cutOff{{fakeStore: s}, {fakeStore: s}}
		ctx, cancel := context.WithCancel(t.Context())
		var keepers []*Keeper
		for i, way := range ways {
			off := time.Duration(i*4-2) * time.Second
			k := New(Deps{Store: way, Sealer: sealer(t, masterKey), Policy: p, Now: func() time.Time { return time.Now().Add(off) }})
			if err := k.Start(ctx); err != nil {
				t.Fatal(err)
			}
			keepers = append(keepers, k)
			go func() { _ = k.Run(ctx) }()
		}
		var answers []served
		var tokens []signed
		parsed := map[string]map[m2m.KeyID]bool{}
		refused := 0
		for step := range 2 * 365 * 24 * 2 { // every half hour and a bit, so that the instants wander
			time.Sleep(30*time.Minute + time.Duration(step%97)*time.Second)
			ways[1].set(step%197 < 20) // cut off for ten hours or so every four days or so
			for _, k := range keepers {
				if d, err := k.JWKS(ctx); err == nil {
					answers = append(answers, served{time.Now(), kidsOf(t, parsed, d)})
				} else if !errors.Is(err, m2m.ErrUnavailable) {
					t.Fatal(err)
				}
				kid, _, err := k.Signer(ctx)
				if err != nil {
					refused++
					continue
				}
				if active := currentActive(s); active == kid { // R40: the store records under the active key only
					tokens = append(tokens, signed{time.Now(), k.deps.Now().Add(p.TokenTTL), kid})
				}
			}
		}
		cancel()
		synctest.Wait()
		if len(s.ring.in(Removed)) < 95 || len(tokens) < 60_000 || refused == 0 {
			t.Fatalf("too little happened: %d keys removed, %d tokens, %d times no signer", len(s.ring.in(Removed)), len(tokens), refused)
		}
		first := 0
		for _, token := range tokens {
			for answers[first].at.Before(token.at.Add(-p.MaxAge)) {
				first++
			}
			for _, a := range answers[first:] {
				if a.at.After(token.until) {
					break
				}
				if !a.kids[token.kid] {
					t.Fatalf("%s, signed at %s until %s, is not in the set served at %s", token.kid, token.at, token.until, a.at)
				}
			}
		}
	})
}

func currentActive(s *fakeStore) m2m.KeyID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ring.in(Active)[0].ID
}

func kidsOf(t *testing.T, parsed map[string]map[m2m.KeyID]bool, d Document) map[m2m.KeyID]bool {
	t.Helper()
	if kids, ok := parsed[d.ETag]; ok {
		return kids
	}
	var set struct {
		Keys []struct {
			Kid m2m.KeyID `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(d.JSON, &set); err != nil {
		t.Fatal(err)
	}
	kids := map[m2m.KeyID]bool{}
	for _, k := range set.Keys {
		kids[k.Kid] = true
	}
	parsed[d.ETag] = kids
	return kids
}
