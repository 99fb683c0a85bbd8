package keys

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
)

var operator = m2m.Actor{Kind: m2m.Operator, TraceID: "trace"}

// R39: by hand, a key signs only when every verifier has it; the refusal tells the date from which it is safe.
func TestRotateIsRefusedUntilItIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		was := s.ring.in(Active)[0].ID
		next := s.ring.in(Announced)[0]
		err := k.Rotate(t.Context(), operator, Rotation{})
		var soon *TooSoonError
		if !errors.As(err, &soon) || !soon.SafeFrom.Equal(next.CreatedAt.Add(k.deps.Policy.AnnounceFor())) || !strings.Contains(err.Error(), soon.SafeFrom.Format(time.RFC3339)) {
			t.Fatal(err)
		}
		time.Sleep(time.Until(soon.SafeFrom))
		if err := k.Rotate(t.Context(), operator, Rotation{}); err != nil {
			t.Fatal(err)
		}
		settled(t, s.ring)
		if kid, _, err := k.Signer(t.Context()); err != nil || kid != next.ID {
			t.Errorf("%s signs, %v", kid, err)
		}
		if _, ok := k.PublicKey(was); !ok {
			t.Error("the retired key is not published any more")
		}
		want := []string{"instance_key retiring", "instance_key active", "instance_key announced"}
		if diff := cmp.Diff(want, s.audit[2:]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRotateForcedDoesNotWait(t *testing.T) {
	s := new(fakeStore)
	k := started(t, s)
	next := s.ring.in(Announced)[0].ID
	if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
		t.Fatal(err)
	}
	settled(t, s.ring)
	if kid, _, _ := k.Signer(t.Context()); kid != next {
		t.Errorf("%s signs; want %s", kid, next)
	}
}

// Replicas that are told to rotate in the same instant end with one new key.
func TestRotationsInTheSameInstantAreOne(t *testing.T) {
	s := new(fakeStore)
	keepers := []*Keeper{started(t, s), started(t, s), started(t, s)}
	for range 50 {
		for _, k := range s.ring.in(Retiring) { // no key set holds more than twenty
			if err := keepers[0].Compromise(t.Context(), operator, k.ID); err != nil {
				t.Fatal(err)
			}
		}
		before := len(s.ring.Keys)
		// All have read the ring before any may change it.
		var read sync.WaitGroup
		read.Add(len(keepers))
		seen := 0
		s.set(func(s *fakeStore) {
			s.whileReading = func() {
				s.mu.Lock()
				seen++
				first := seen <= len(keepers)
				s.mu.Unlock()
				if first {
					read.Done()
					read.Wait()
				}
			}
		})
		var wg sync.WaitGroup
		for _, k := range keepers {
			wg.Go(func() {
				if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		settled(t, s.ring)
		if got := len(s.ring.Keys) - before; got != 1 {
			t.Fatalf("%d new keys", got)
		}
	}
}

// Told one after the other to retire the same key, replicas rotate once.
func TestRotatingAwayFromAKeyIsDoneOnce(t *testing.T) {
	s := new(fakeStore)
	k := started(t, s)
	old := s.ring.in(Active)[0].ID
	for range 3 {
		if err := k.Rotate(t.Context(), operator, Rotation{Force: true, Retire: old}); err != nil {
			t.Fatal(err)
		}
		settled(t, s.ring)
		if len(s.ring.Keys) != 3 || s.ring.in(Retiring)[0].ID != old {
			t.Fatalf("%d keys", len(s.ring.Keys))
		}
	}
	if err := k.Rotate(t.Context(), operator, Rotation{Force: true, Retire: "nobody"}); !errors.Is(err, m2m.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
}

// R41: out of the key set at once, whatever its state; the announced key signs in its place; again changes nothing.
func TestCompromiseTakesAKeyOutAtOnce(t *testing.T) {
	for _, state := range []State{Announced, Active, Retiring} {
		t.Run(string(state), func(t *testing.T) {
			s := new(fakeStore)
			k := started(t, s)
			if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
				t.Fatal(err)
			}
			bad := s.ring.in(state)[0].ID
			next := s.ring.in(Announced)[0].ID
			for range 2 {
				if err := k.Compromise(t.Context(), operator, bad); err != nil {
					t.Fatal(err)
				}
			}
			settled(t, s.ring)
			document, err := k.JWKS(t.Context())
			if err != nil || strings.Contains(string(document.JSON), string(bad)) {
				t.Errorf("still published: %s, %v", document.JSON, err)
			}
			if _, ok := k.PublicKey(bad); ok {
				t.Error("still believed")
			}
			kid, _, err := k.Signer(t.Context())
			if err != nil || kid == bad || state == Active && kid != next {
				t.Errorf("%s signs, %v; the announced one was %s", kid, err, next)
			}
			if n := len(s.ring.in(Compromised)); n != 1 {
				t.Errorf("%d compromised keys", n)
			}
		})
	}
	if err := started(t, new(fakeStore)).Compromise(t.Context(), operator, "nobody"); !errors.Is(err, m2m.ErrNotFound) {
		t.Errorf("unknown kid: %v", err)
	}
}

// A change is decided anew when another replica was first, and given up when that never ends.
func TestAChangeThatIsNeverFirstGivesUp(t *testing.T) {
	s := new(fakeStore)
	k := started(t, s)
	s.set(func(s *fakeStore) {
		s.whileReading = func() { s.set(func(s *fakeStore) { s.ring.Version++ }) }
	})
	before := slices.Clone(s.ring.Keys)
	if err := k.Compromise(t.Context(), operator, before[0].ID); !errors.Is(err, m2m.ErrConflict) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(before, s.ring.Keys); diff != "" {
		t.Error(diff)
	}
}

// R42: by hand too, a kill before or right after the commit leaves exactly one active key; told again, the next process ends it.
func TestAKillAroundARotationByHandLeavesOneActiveKey(t *testing.T) {
	killed := errors.New("killed")
	steps := map[string]func(k *Keeper, old m2m.KeyID) error{
		"rotate": func(k *Keeper, old m2m.KeyID) error {
			return k.Rotate(t.Context(), operator, Rotation{Force: true, Retire: old})
		},
		"compromise": func(k *Keeper, old m2m.KeyID) error { return k.Compromise(t.Context(), operator, old) },
	}
	for name, step := range steps {
		for when, fail := range map[string]func(*fakeStore){
			"before the commit": func(s *fakeStore) { s.beforeCommit = killed },
			"after the commit":  func(s *fakeStore) { s.afterCommit = killed },
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				s := new(fakeStore)
				k := started(t, s)
				old, next := s.ring.in(Active)[0].ID, s.ring.in(Announced)[0].ID
				s.set(fail)
				if err := step(k, old); !errors.Is(err, killed) {
					t.Fatal(err)
				}
				settled(t, s.ring)
				if err := step(started(t, s), old); err != nil {
					t.Fatal(err)
				}
				settled(t, s.ring)
				if len(s.ring.Keys) != 3 || s.ring.in(Active)[0].ID != next {
					t.Errorf("%d keys; %s signs, %s was to", len(s.ring.Keys), s.ring.in(Active)[0].ID, next)
				}
			})
		}
	}
}
