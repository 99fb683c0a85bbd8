package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

var errStore = errors.New("the database is away")

// fakeStore keeps a ring as the contract of Store says, and checks each change as the database does.
type fakeStore struct {
	mu       sync.Mutex
	now      func() time.Time // its own clock; nil: time.Now
	ring     Ring
	audit    []string // actor kind, state, kid
	reads    int
	served   []Served
	broken   bool // nothing works
	readOnly bool
	signed   map[m2m.KeyID]Signed

	slow         func()       // runs inside ChangeRing, before anything is looked at
	afterDating  func()       // runs inside ChangeRing, between the dating and the commit
	beforeCommit error        // fails the next change; nothing happened
	afterCommit  error        // fails the next change, which happened
	whileReading func()       // runs inside Ring, after the snapshot is taken
	onChange     func(r Ring) // sees every new ring
}

func (s *fakeStore) Ring(context.Context) (Ring, error) {
	s.mu.Lock()
	s.reads++
	ring := Ring{Version: s.ring.Version, At: s.clock(), Keys: slices.Clone(s.ring.Keys), Served: s.served}
	broken, hook := s.broken, s.whileReading
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	if broken {
		return Ring{}, errStore
	}
	return ring, nil
}

func (s *fakeStore) ChangeRing(_ context.Context, by m2m.Actor, was int64, changes []Change) error {
	if hook := s.hook(func(s *fakeStore) func() { return s.slow }); hook != nil {
		hook()
	}
	at := s.clock()
	if hook := s.hook(func(s *fakeStore) func() { return s.afterDating }); hook != nil {
		hook()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errStore
	}
	if err := s.beforeCommit; err != nil {
		s.beforeCommit = nil
		return err
	}
	if s.ring.Version != was {
		return m2m.ErrConflict
	}
	next := slices.Clone(s.ring.Keys)
	for _, c := range changes {
		i := slices.IndexFunc(next, func(k Key) bool { return k.ID == c.Key.ID })
		switch {
		case c.From == "" && i < 0:
			next = append(next, c.Dated(at))
		case c.From != "" && i >= 0 && next[i].State == c.From:
			next[i] = c.Dated(at)
		default:
			return fmt.Errorf("impossible change of %s from %q to %q", c.Key.ID, c.From, c.Key.State)
		}
		if n := len((Ring{Keys: next}).in(Active)); n > 1 { // R38: the schema's unique index, after every statement
			return fmt.Errorf("%d active keys", n)
		}
		s.audit = append(s.audit, fmt.Sprint(by.Kind, " ", c.Key.State))
	}
	slices.SortFunc(next, func(a, b Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	s.ring = Ring{Version: was + 1, Keys: next}
	if s.onChange != nil {
		s.onChange(s.ring)
	}
	err := s.afterCommit
	s.afterCommit = nil
	return err
}

func (s *fakeStore) ServeKeySet(_ context.Context, maxAge, lease, life time.Duration) error {
	until := s.clock().Add(life)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || s.readOnly {
		return errStore
	}
	s.served = slices.DeleteFunc(slices.Clone(s.served), func(v Served) bool { return v.MaxAge == maxAge && v.Lease == lease })
	s.served = append(s.served, Served{maxAge, lease, until})
	return nil
}

func (s *fakeStore) hook(which func(*fakeStore) func()) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	return which(s)
}

func (s *fakeStore) clock() time.Time {
	if s.now == nil {
		return time.Now().UTC()
	}
	return s.now().UTC()
}

func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

const (
	masterKey  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	anotherKey = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

func sealer(tb testing.TB, list string) *secret.Sealer {
	tb.Helper()
	s, err := secret.NewSealer(secret.Text(list))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newKeeper(tb testing.TB, s *fakeStore, p Policy) *Keeper {
	tb.Helper()
	return New(Deps{Store: s, Sealer: sealer(tb, masterKey), Policy: p, Now: time.Now})
}

func started(tb testing.TB, s *fakeStore) *Keeper {
	tb.Helper()
	k := newKeeper(tb, s, DefaultPolicy(24*time.Hour))
	if err := k.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return k
}

// settled holds what must be true of a ring after every commit (R42): exactly one active key, and an announced one behind it.
func settled(tb testing.TB, r Ring) {
	tb.Helper()
	if len(r.in(Active)) != 1 || len(r.in(Announced)) != 1 {
		tb.Fatalf("%d active and %d announced keys", len(r.in(Active)), len(r.in(Announced)))
	}
	for _, k := range r.Keys {
		if err := k.check(); err != nil {
			tb.Fatal(err)
		}
	}
}

func (s *fakeStore) CountSigned(_ context.Context, kid m2m.KeyID) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signed[kid].Tokens, nil
}

func (s *fakeStore) SignedTokens(context.Context, int64) (map[m2m.KeyID]Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errStore
	}
	return maps.Clone(s.signed), nil
}
