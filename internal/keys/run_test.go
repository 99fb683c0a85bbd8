package keys

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// stumbling is a store that fails now and then: it hangs until its caller gives up, or says no at once.
type stumbling struct {
	*fakeStore
	hangs, fails int // how many of the next readings
}

func (s *stumbling) Ring(ctx context.Context) (Ring, error) {
	if s.hangs > 0 {
		s.hangs--
		<-ctx.Done()
		return Ring{}, ctx.Err()
	}
	if s.fails > 0 {
		s.fails--
		return Ring{}, errStore
	}
	return s.fakeStore.Ring(ctx)
}

// A reading that hangs, or a few that fail, are made up for before the lease is over: no JWT is refused for it.
func TestAFailedReadingIsMadeUpForWithinTheLease(t *testing.T) {
	for name, s := range map[string]*stumbling{
		"one hangs": {hangs: 1}, "one hangs and some fail": {hangs: 1, fails: 5}, "many fail": {fails: 15},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s.fakeStore = new(fakeStore)
				k := started(t, s.fakeStore)
				k.deps.Store = s
				ctx, cancel := context.WithCancel(t.Context())
				defer synctest.Wait()
				defer cancel()
				go func() { _ = k.Run(ctx) }()
				for range 120 {
					time.Sleep(time.Second)
					if _, _, err := k.Signer(ctx); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}
