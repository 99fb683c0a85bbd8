package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// I6: a key that another replica has made and signs with since the ring was read is found when it is asked for.
func TestAKeyThatSignsSinceTheLastReadingIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		one, two := started(t, s), started(t, s)
		time.Sleep(time.Second)
		for range 2 {
			kid, _, err := one.Signer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := one.Compromise(t.Context(), operator, kid); err != nil {
				t.Fatal(err)
			}
		}
		kid, _, err := one.Signer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := two.PublicKey(kid); ok {
			t.Fatal("it is known already")
		}
		if err := two.Recheck(t.Context(), kid, time.Now()); err != nil {
			t.Error(err)
		}
		if _, ok := two.PublicKey(kid); !ok {
			t.Error("a good token would be refused")
		}
	})
}

// R33: kids that nobody ever had cost one reading in a tenth of a second, however many there are, and those that are out of use none. What is
// answered was read after the question, so that a key made in between is found.
func TestUnknownKidsCostAReadingNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		old := s.ring.in(Active)[0].ID
		if err := k.Compromise(t.Context(), operator, old); err != nil {
			t.Fatal(err)
		}
		const a, each = 20, 5000
		ask := func(round int) {
			var wg sync.WaitGroup
			for i := range each {
				wg.Go(func() {
					if err := k.Recheck(t.Context(), m2m.KeyID(fmt.Sprint("random", round, i)), time.Now()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		time.Sleep(time.Second)
		s.set(func(s *fakeStore) { s.reads, s.whileReading = 0, func() { time.Sleep(20 * time.Millisecond) } })
		began := time.Now()
		for round := range a { // who asks at one time waits for one reading, which begins after all of them
			ask(round)
		}
		if most := 1 + int(time.Since(began)/recheckPause); s.reads < a || s.reads > most {
			t.Errorf("%d readings in %s for %d kids, %d at a time", s.reads, time.Since(began), a*each, each)
		}
		time.Sleep(time.Second)
		s.set(func(s *fakeStore) { s.reads, s.whileReading = 0, nil })
		for asked, i := time.Now(), 0; i < 256; i++ { // one after the other, of one question
			if err := k.Recheck(t.Context(), m2m.KeyID(fmt.Sprint("batch", i)), asked); err != nil {
				t.Error(err)
			}
		}
		if s.reads != 1 {
			t.Errorf("%d readings for 256 kids of one question", s.reads)
		}
		time.Sleep(time.Second)
		s.reads = 0
		if err := k.Recheck(t.Context(), old, time.Now()); err != nil || s.reads != 0 {
			t.Errorf("a compromised key: %d readings, %v", s.reads, err)
		}
	})
}

// slowly is a store that takes a while, or until its caller gives up.
type slowly struct{ *fakeStore }

func (s slowly) Ring(ctx context.Context) (Ring, error) {
	select {
	case <-ctx.Done():
		return Ring{}, ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return s.fakeStore.Ring(ctx)
	}
}

// I6, R58: while the store cannot be read an unknown kid is neither good nor bad; nobody waits longer than a second for that, and nobody's
// hanging up is another one's answer.
func TestAnUnknownKidThatCannotBeLookedForIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		time.Sleep(time.Second)
		s.set(func(s *fakeStore) { s.broken, s.reads = true, 0 })
		for i := range 100_000 {
			if err := k.Recheck(t.Context(), m2m.KeyID(fmt.Sprint("random", i)), time.Now()); !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, m2m.ErrRefused) {
				t.Fatal(err)
			}
		}
		if s.reads != 1 {
			t.Errorf("%d readings in no time", s.reads)
		}
		s.set(func(s *fakeStore) { s.broken = false })
		time.Sleep(recheckPause)
		if err := k.Recheck(t.Context(), "random", time.Now()); err != nil {
			t.Errorf("it can be read again: %v", err)
		}

		time.Sleep(time.Second)
		k.deps.Store = &stumbling{fakeStore: s, hangs: 1}
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := k.Recheck(t.Context(), "random", time.Now()); !errors.Is(err, m2m.ErrUnavailable) || time.Since(began) > recheckPatience {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		}
		wg.Wait()

		time.Sleep(time.Second)
		k.deps.Store = slowly{s}
		hasty, hangUp := context.WithCancel(t.Context())
		wg.Go(func() { _ = k.Recheck(hasty, "random", time.Now()) })
		synctest.Wait()
		wg.Go(func() {
			if err := k.Recheck(t.Context(), "random", time.Now()); err != nil {
				t.Errorf("who waited for a reading that another one began: %v", err)
			}
		})
		synctest.Wait()
		hangUp()
		wg.Wait()
	})
}
