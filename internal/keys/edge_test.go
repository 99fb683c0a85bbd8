package keys

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// R39: the worst that the policy allows for, all at once, for every key in turn. A change is committed as long after its date as it may be;
// the other replica has read the ring right before, is cut off, and answers in the last instant of its lease; that answer is on its way for
// the rest of the margin, and is then kept for max-age. The replicas' clocks are a margin apart. Rotating by hand at the instant from which
// it is safe, nobody holds a key set without the key that signs.
func TestAKeySignsOnlyWhenTheLastCopyWithoutItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPolicy
		s := new(fakeStore)
		var keepers [2]*Keeper
		for i, off := range []time.Duration{p.Margin / 2, -p.Margin / 2} {
			keepers[i] = newKeeper(t, s, p)
			keepers[i].deps.Now = func() time.Time { return time.Now().Add(off) }
			if err := keepers[i].Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		one, two := keepers[0], keepers[1]
		onItsWay := p.Margin - LongestChange - time.Second
		var last time.Time // when two read the ring
		s.set(func(s *fakeStore) {
			s.afterDating = func() {
				time.Sleep(LongestChange - 1)
				if err := two.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				last = time.Now()
				time.Sleep(time.Nanosecond)
			}
		})
		time.Sleep(p.AnnounceFor())
		if err := one.Rotate(t.Context(), operator, Rotation{}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			next := s.ring.in(Announced)[0].ID
			time.Sleep(time.Until(last.Add(p.Lease)))
			d, err := two.JWKS(t.Context())
			if err != nil {
				t.Fatalf("at the end of its lease: %v", err)
			}
			held := kept{time.Now().Add(onItsWay + d.MaxAge), kidsOf(t, map[string]map[m2m.KeyID]bool{}, d)}
			if held.kids[next] {
				t.Fatal("the copy is not an old one")
			}
			time.Sleep(time.Nanosecond)
			if _, err := two.JWKS(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
				t.Fatalf("after its lease: %v", err)
			}
			o, err := one.Overview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if o.SafeToRotate.Before(held.until) {
				t.Fatalf("it is safe from %s, and a key set without the next key is kept until %s", o.SafeToRotate, held.until)
			}
			time.Sleep(time.Until(o.SafeToRotate) - 1)
			if err := one.Rotate(t.Context(), operator, Rotation{}); !errors.Is(err, ErrTooSoon) {
				t.Fatalf("before the instant that was told: %v", err)
			}
			time.Sleep(time.Nanosecond)
			if err := one.Rotate(t.Context(), operator, Rotation{}); err != nil {
				t.Fatalf("at the instant that was told: %v", err)
			}
			if signs := currentActive(s); signs != next {
				t.Fatalf("%s signs", signs)
			}
		}
	})
}
