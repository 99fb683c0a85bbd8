package keys

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// R39: a replica whose own clock is wrong, forwards or back, moves nothing before its time and tells no other dates.
func TestAReplicaWithAWrongClockMovesNothing(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"two hours ahead": 2 * time.Hour, "31 days ahead": 31 * 24 * time.Hour, "a year behind": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(fakeStore)
				right := started(t, s)
				if err := right.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil { // one retires
					t.Fatal(err)
				}
				time.Sleep(right.deps.Policy.RetireFor() - time.Hour)
				k := newKeeper(t, s, right.deps.Policy)
				k.deps.Now = func() time.Time { return time.Now().Add(wrong) }
				before := s.ring.Version
				if err := k.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s.ring.Version != before {
					t.Errorf("it moved the ring from version %d to %d", before, s.ring.Version)
				}
				o, err := k.Overview(t.Context())
				if err != nil || !o.Now.Equal(time.Now()) || !o.SafeToRotate.Equal(time.Now()) {
					t.Errorf("at %s it tells %s, and %s as the safe date, %v", time.Now(), o.Now, o.SafeToRotate, err)
				}
				if err := k.Rotate(t.Context(), operator, Rotation{}); err != nil {
					t.Fatal(err)
				}
				if made := s.ring.in(Announced)[0].CreatedAt; !made.Equal(time.Now()) {
					t.Errorf("at %s it announced a key dated %s", time.Now(), made)
				}
			})
		})
	}
}

// R39: a key is announced when it can be seen, however long the change has waited, and is not to sign before its time from there.
func TestAKeyThatWasLongInComingIsAnnouncedFromItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		s.slow = func() { time.Sleep(2 * time.Hour) }
		if err := k.Rotate(t.Context(), operator, Rotation{Force: true}); err != nil {
			t.Fatal(err)
		}
		var soon *TooSoonError
		if err := k.Rotate(t.Context(), operator, Rotation{}); !errors.As(err, &soon) || !soon.SafeFrom.Equal(time.Now().Add(k.deps.Policy.AnnounceFor())) {
			t.Errorf("right after it: %v", err)
		}
		if retired := s.ring.in(Retiring)[0].RetiredAt; !retired.Equal(time.Now()) {
			t.Errorf("retired %s ago", time.Since(retired))
		}
	})
}
