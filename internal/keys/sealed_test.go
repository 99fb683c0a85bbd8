package keys

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// rolled gives a keeper whose master keys are the old one alone, and one that seals under a new one, which has made the announced key.
func rolled(tb testing.TB) (s *fakeStore, behind, ahead *Keeper) {
	tb.Helper()
	s = new(fakeStore)
	behind = started(tb, s)
	ahead = New(Deps{Store: s, Sealer: sealer(tb, anotherKey+","+masterKey), Policy: DefaultPolicy(24 * time.Hour), Now: time.Now})
	if err := ahead.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := ahead.Rotate(tb.Context(), operator, Rotation{Force: true}); err != nil {
		tb.Fatal(err)
	}
	return s, behind, ahead
}

// names fails the test unless the error tells which key does not open, and under which master key it is sealed.
func names(tb testing.TB, err error, k Key) {
	tb.Helper()
	if !errors.Is(err, ErrSealed) || !errors.Is(err, secret.ErrNotOpened) || !strings.Contains(err.Error(), string(k.ID)) || !strings.Contains(err.Error(), k.Sealed.Version) {
		tb.Errorf("of %s under %s: %v", k.ID, k.Sealed.Version, err)
	}
}

// R9: a process that could not sign with the next key does not start, and changes nothing; although the active one opens.
func TestStartRefusesAnAnnouncedKeyThatDoesNotOpen(t *testing.T) {
	s, _, _ := rolled(t)
	was := s.ring.Version
	again := newKeeper(t, s, DefaultPolicy(24*time.Hour))
	names(t, again.Start(t.Context()), s.ring.in(Announced)[0])
	if s.ring.Version != was {
		t.Error("and moved the ring")
	}
}

// R9, R42: a replica that cannot open the announced key is not ready, and makes it sign neither by hand nor when it is due; it goes on
// signing with the key that it can open. Once another replica has rotated it says why it signs no more.
func TestAKeyThatDoesNotOpenIsNotPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, behind, ahead := rolled(t)
		if err := behind.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		active, dead := s.ring.in(Active)[0], s.ring.in(Announced)[0]
		names(t, behind.Ready(t.Context()), dead)
		for _, force := range []bool{true, false} {
			names(t, behind.Rotate(t.Context(), operator, Rotation{Force: force}), dead)
		}
		time.Sleep(behind.deps.Policy.Period + time.Hour)
		names(t, behind.tendInTime(t.Context()), dead)
		if kid, _, err := behind.Signer(t.Context()); err != nil || kid != active.ID {
			t.Errorf("%s signs, %v; want %s", kid, err, active.ID)
		}
		if err := ahead.tendInTime(t.Context()); err != nil || s.ring.in(Active)[0].ID != dead.ID {
			t.Fatalf("the replica that can: %v", err)
		}
		if err := behind.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, private, err := behind.Signer(t.Context())
		if names(t, err, dead); !errors.Is(err, m2m.ErrUnavailable) || private != nil {
			t.Errorf("it signs: %v", err)
		}
		if d, err := behind.JWKS(t.Context()); err != nil || !strings.Contains(string(d.JSON), string(dead.ID)) {
			t.Errorf("it does not publish: %v", err)
		}
	})
}

// R41: a leaked key goes at once all the same: a new key signs instead of the one that does not open, which can be taken out likewise.
func TestACompromiseDoesNotPromoteAKeyThatDoesNotOpen(t *testing.T) {
	s, behind, _ := rolled(t)
	leaked, dead := s.ring.in(Active)[0].ID, s.ring.in(Announced)[0].ID
	if err := behind.Compromise(t.Context(), operator, leaked); err != nil {
		t.Fatal(err)
	}
	kid, private, err := behind.Signer(t.Context())
	if err != nil || private == nil || kid == dead || kid == leaked {
		t.Errorf("%s signs, %v", kid, err)
	}
	if err := behind.Compromise(t.Context(), operator, dead); err != nil {
		t.Fatal(err)
	}
	settled(t, s.ring)
	if err := behind.Ready(t.Context()); err != nil {
		t.Errorf("with every key open: %v", err)
	}
}

// noting is a store that keeps what it was told to change.
type noting struct {
	*fakeStore
	changes []Change
}

func (n *noting) ChangeRing(ctx context.Context, by m2m.Actor, was int64, changes []Change) error {
	n.changes = changes
	return n.fakeStore.ChangeRing(ctx, by, was, changes)
}

// firstOut is when the first retiring key may leave the set.
func firstOut(r Ring, p Policy) time.Time {
	var at []time.Time
	for _, k := range r.in(Retiring) {
		at = append(at, p.RemovableAt(k))
	}
	return slices.MinFunc(at, time.Time.Compare)
}

// R32: force does not make the key set larger than a strict verifier takes; the refusal tells when there is room, and then there is.
func TestForceDoesNotOutgrowWhatVerifiersTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &noting{fakeStore: new(fakeStore)}
		k := New(Deps{Store: s, Sealer: sealer(t, masterKey), Policy: DefaultPolicy(24 * time.Hour), Now: time.Now})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for s.ring.published() < MaxPublished {
			time.Sleep(time.Second)
			if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
				t.Fatalf("with %d keys: %v", s.ring.published(), err)
			}
			for _, c := range s.changes { // what the audit log will tell
				if !c.Forced {
					t.Errorf("the change to %s does not say that it was forced", c.Key.State)
				}
			}
		}
		for _, force := range []bool{true, false} {
			err := k.Rotate(t.Context(), operator, Rotation{Force: force})
			soon, ok := errors.AsType[*TooSoonError](err)
			if !ok || !soon.Firm || s.ring.published() != MaxPublished {
				t.Fatalf("force %t: %v; %d keys", force, err, s.ring.published())
			}
			want := firstOut(s.ring, k.deps.Policy)
			if !force {
				want = latest(want, k.deps.Policy.ReadyAt(s.ring.in(Announced)[0]))
			}
			if !soon.SafeFrom.Equal(want) {
				t.Errorf("force %t: safe from %s, not %s", force, soon.SafeFrom, want)
			}
		}
		if err := k.Compromise(t.Context(), operator, s.ring.in(Active)[0].ID); err != nil { // 19 are left, and another is announced
			t.Errorf("a compromise in a full set: %v", err)
		}
		if n := s.ring.published(); n != MaxPublished {
			t.Errorf("%d keys", n)
		}
		if s.changes[0].Forced {
			t.Error("a compromise is no forced rotation")
		}
		time.Sleep(time.Until(firstOut(s.ring, k.deps.Policy)))
		if err := k.tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
			t.Errorf("with room: %v", err)
		}
	})
}
