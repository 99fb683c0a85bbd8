package keys

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// kept is an answer that a verifier holds.
type kept struct {
	until time.Time
	kids  map[m2m.KeyID]bool
}

// R39: while settings are rolled out, replicas answer differently, and an answer is kept after the replica that gave it is gone. No replica
// rotates while somebody holds a key set without the next key, neither by itself nor by hand at the first instant that is allowed.
func TestRollingOutOtherSettingsBreaksNoVerifier(t *testing.T) {
	with := func(change func(*Policy)) Policy {
		p := testPolicy
		change(&p)
		return p
	}
	long := with(func(p *Policy) { p.MaxAge = 3 * time.Hour })
	slow := with(func(p *Policy) { p.Refresh, p.Lease = 40*time.Minute, 2*time.Hour })
	busy := with(func(p *Policy) { p.Period, p.TokenTTL = 15*time.Minute, 5*time.Minute })
	for name, c := range map[string]struct {
		before, after Policy
		byThemselves  bool
	}{
		"a shorter max-age": {long, testPolicy, false}, "a longer max-age": {testPolicy, long, false},
		"quicker refreshes": {slow, testPolicy, false}, "slower refreshes": {testPolicy, slow, false},
		"a shorter max-age and nobody's hand": {long, busy, true}, "a longer max-age and nobody's hand": {busy, long, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(fakeStore)
				ctx, cancel := context.WithCancel(t.Context())
				defer synctest.Wait()
				defer cancel()
				run := func(p Policy) (k *Keeper, stop func()) {
					k = newKeeper(t, s, p)
					if err := k.Start(ctx); err != nil {
						t.Fatal(err)
					}
					alive, stop := context.WithCancel(ctx)
					go func() { _ = k.Run(alive) }()
					return k, stop
				}
				before, stop := run(c.before)
				living := []*Keeper{before}
				var answers []kept
				refused := 0
				for step := range 36 * 60 { // minutes
					time.Sleep(time.Minute)
					switch step {
					case 6 * 60:
						after, _ := run(c.after)
						living = append(living, after)
					case 12 * 60:
						stop()
						living = living[1:]
					}
					for _, k := range living {
						d, err := k.JWKS(ctx)
						if err != nil {
							t.Fatal(err)
						}
						answers = append(answers, kept{time.Now().Add(d.MaxAge), kidsOf(t, map[string]map[m2m.KeyID]bool{}, d)})
					}
					// The hasty one is told, the other one learns of it when it reads next.
					hasty := slices.MinFunc(living, func(a, b *Keeper) int {
						return cmp.Compare(a.deps.Policy.AnnounceFor(), b.deps.Policy.AnnounceFor())
					})
					if !c.byThemselves {
						if err := hasty.Rotate(ctx, operator, Rotation{}); errors.Is(err, ErrTooSoon) {
							refused++
						} else if err != nil {
							t.Fatal(err)
						}
					}
					signs := currentActive(s)
					for _, a := range answers {
						if time.Now().Before(a.until) && !a.kids[signs] {
							t.Fatalf("minute %d: a verifier holds a key set without %s, which signs, for %s yet", step, signs, time.Until(a.until))
						}
					}
					answers = answers[max(0, len(answers)-8*60):]
				}
				if n := len(s.ring.Keys) - 2; n < 6 || refused == 0 && !c.byThemselves {
					t.Errorf("only %d rotations, %d refused", n, refused)
				}
			})
		})
	}
}

// What is over counts no more: a day and a max-age after the last replica with the old settings, those of today are the bounds.
func TestOldSettingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		long := testPolicy
		long.MaxAge, long.Lease = 5*time.Hour, time.Hour
		if err := newKeeper(t, s, long).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		k := newKeeper(t, s, testPolicy)
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = k.Run(ctx) }()
		bounds := func() Policy {
			t.Helper()
			o, err := k.Overview(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return o.Policy
		}
		time.Sleep(long.servedFor() + long.AnnounceFor() - time.Second)
		if got := bounds(); got.MaxAge != long.MaxAge || got.Lease != long.Lease || got.ForgottenAfter() != 6*time.Hour { // R41
			t.Errorf("while somebody may hold an answer: %+v", got)
		}
		time.Sleep(2 * time.Second)
		if got := bounds(); got != testPolicy {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

// R39: a replica answers only as long as it has recorded how: the others count on that.
func TestAReplicaThatCannotRecordHowItAnswersStopsAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = k.Run(ctx) }()
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		if _, err := k.JWKS(ctx); err != nil {
			t.Fatalf("after a week: %v", err)
		}
		s.set(func(s *fakeStore) { s.readOnly = true })
		until := s.served[0].Until
		time.Sleep(time.Until(until) - time.Second)
		synctest.Wait()
		if _, err := k.JWKS(ctx); err != nil {
			t.Errorf("while it stands there: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := k.JWKS(ctx); !errors.Is(err, m2m.ErrUnavailable) {
			t.Errorf("afterwards: %v", err)
		}
		s.set(func(s *fakeStore) { s.readOnly = false })
		time.Sleep(k.deps.Policy.Refresh)
		synctest.Wait()
		if _, err := k.JWKS(ctx); err != nil {
			t.Errorf("it does not come back: %v", err)
		}
	})
	if err := newKeeper(t, &fakeStore{readOnly: true}, testPolicy).Start(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("a start that cannot record it: %v", err)
	}
}
