package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/dualmint/dualmint/internal/m2m"
)

// ticksMissed gives the same instant on the wall, as a process reads it whose monotonic clock stood still for d. There is no other way to
// make one: the field is time's own, and the checks tell when it has moved.
func ticksMissed(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	out := at
	*(*int64)(unsafe.Add(unsafe.Pointer(&out), unsafe.Sizeof(uint64(0)))) -= int64(d) // of a copy
	if at.Sub(out) != d || !at.Round(0).Equal(out.Round(0)) {
		t.Fatalf("a time is laid out otherwise: %v became %v", at, out)
	}
	return out
}

// R40, R43: a machine that was suspended serves and signs nothing from the copy of before, though by the clock of its timers no time has
// passed. It reads at once. So does one whose wall clock was set back or forth.
func TestASuspendedMachineServesNothingOldWhenItWakes(t *testing.T) {
	for name, c := range map[string]struct{ slept, set time.Duration }{
		"suspended for a lease and more": {slept: DefaultPolicy(time.Hour).Lease + time.Second}, "suspended for a week": {slept: 7 * 24 * time.Hour},
		"set back": {set: -DefaultPolicy(time.Hour).Margin - 10*time.Second}, "set forth": {set: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			real := time.Now() // with a monotonic reading, which those of a bubble lack
			synctest.Test(t, func(t *testing.T) {
				s := new(fakeStore)
				k := newKeeper(t, s, DefaultPolicy(time.Hour))
				began := time.Now()
				var missed time.Duration // what the wall clock is ahead of the timers'
				k.deps.Now = func() time.Time { return ticksMissed(t, real.Add(time.Since(began)+missed), missed) }
				if err := k.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer synctest.Wait()
				defer cancel()
				go func() { _ = k.Run(ctx) }()
				time.Sleep(time.Second)
				if _, err := k.JWKS(ctx); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				missed = c.slept + c.set
				reads := s.reads
				s.set(func(s *fakeStore) { s.broken = true })
				for range 100 {
					if d, err := k.JWKS(ctx); !errors.Is(err, m2m.ErrUnavailable) {
						t.Fatalf("it serves %s, %v", d.JSON, err)
					}
					if _, private, err := k.Signer(ctx); !errors.Is(err, m2m.ErrUnavailable) || private != nil {
						t.Fatalf("it signs, %v", err)
					}
					synctest.Wait()
				}
				if s.reads != reads+1 {
					t.Errorf("it read %d times at once", s.reads-reads)
				}
				s.set(func(s *fakeStore) { s.broken = false })
				time.Sleep(k.deps.Policy.Refresh / 10)
				synctest.Wait()
				if _, err := k.JWKS(ctx); err != nil {
					t.Errorf("it does not come back: %v", err)
				}
				missed += time.Hour // and again, now that the store answers: no timer has to run out
				_, _ = k.JWKS(ctx)
				synctest.Wait()
				if _, _, err := k.Signer(ctx); err != nil {
					t.Errorf("it did not read when it woke: %v", err)
				}
			})
		})
	}
}

// R40, R43: the lease runs from the beginning of a reading: what the answer says may be as old as that.
func TestTheLeaseRunsFromTheBeginningOfAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		slow := k.deps.Policy.Lease - time.Second
		s.whileReading = func() { time.Sleep(slow) }
		began := time.Now()
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.JWKS(t.Context()); err != nil {
			t.Errorf("a second before the end of the lease: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := k.JWKS(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
			t.Errorf("%s after the reading began it is still good: %v", time.Since(began), err)
		}
	})
}

// R9: a key that does not open is tried again with every reading: when it was sealed anew meanwhile, the ring has the version that it had.
func TestAKeyThatDidNotOpenIsTriedAgain(t *testing.T) {
	s := new(fakeStore)
	k := started(t, s)
	good := s.ring.Keys
	s.ring.Keys = append([]Key(nil), good...)
	for i := range s.ring.Keys { // under a master key that this replica does not have
		s.ring.Keys[i].Sealed = sealer(t, anotherKey).Seal(SealPlace(s.ring.Keys[i].ID), make([]byte, ed25519.SeedSize))
	}
	s.ring.Version++
	for range 2 {
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Signer(t.Context()); err == nil {
			t.Fatal("it signs with a key that it cannot open")
		}
	}
	s.ring.Keys = good // sealed anew: the same version
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Signer(t.Context()); err != nil {
		t.Errorf("the key opens again, and: %v", err)
	}
}
