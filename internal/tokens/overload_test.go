package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// narrowStore does one check after the other, each in a millisecond, and bills what it does: a thousand a second, however they come. Before
// slow it is fifty times as fast.
type narrowStore struct {
	fakeStore
	turn   chan struct{} // holds one while somebody has the store
	slow   time.Time
	billed int
}

func (s *narrowStore) CheckTokens(_ context.Context, checks []Check) ([]Verdict, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	each := time.Millisecond
	if time.Now().Before(s.slow) {
		each /= 50
	}
	time.Sleep(time.Duration(len(checks)) * each)
	s.billed += len(checks)
	out := make([]Verdict, len(checks))
	for i := range out {
		out[i] = Verdict{CallerKnown: true, Record: &m2m.Record{}}
	}
	return out, nil
}

// R58: ten times what the store can do is offered for five seconds, without regard to the answers. What is accepted is answered within
// a second, so is the rest, nobody is billed for a refusal, the store is kept busy, and a second later nothing is left of it. (Where four
// workers crowd a store that does one thing at a time, a batch alone takes a second.) Where the store was quick
// at first, two batches may have been begun at the turn that are as large as they get, and the second waits for the first.
func TestTenTimesTheLoadIsBoundedAndLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		workers      int
		bound, quick time.Duration
	}{
		{1, time.Second, 0},
		{2, time.Second, 0},
		{4, 1500 * time.Millisecond, 0},
		{1, time.Second, time.Second},
		{2, 1100 * time.Millisecond, time.Second},
		{4, 1700 * time.Millisecond, time.Second},
	} {
		workers, bound := c.workers, c.bound
		t.Run(fmt.Sprint(workers, " workers, quick for ", c.quick), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &narrowStore{turn: make(chan struct{}, 1), slow: time.Now().Add(c.quick)}
				g := NewGrouped(store, GroupOptions{Workers: workers, MaxQueue: 4096}, time.Now)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- g.Run(ctx) }()

				var mu sync.Mutex
				var accepted, refused []time.Duration
				offer := func(n int) {
					start := time.Now()
					_, err := g.CheckTokens(t.Context(), []Check{{Caller: secret.Hash{byte(n % 50)}}})
					took := time.Since(start)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						accepted = append(accepted, took)
					case errors.Is(err, m2m.ErrBusy):
						refused = append(refused, took)
					default:
						t.Error(err)
					}
				}
				const seconds, perMillisecond = 5, 10
				var requests sync.WaitGroup
				for range seconds * 1000 {
					rush := 1
					if time.Until(store.slow).Abs() < time.Millisecond {
						rush = 120 // more than two of the largest batches
					}
					for n := range rush * perMillisecond {
						requests.Go(func() { offer(n*5 + n%5) })
					}
					time.Sleep(time.Millisecond)
				}
				time.Sleep(bound)
				start := time.Now()
				_, err := g.CheckTokens(t.Context(), []Check{{}})
				if took := time.Since(start); err != nil || took > 2*time.Millisecond {
					t.Errorf("after the rush a lone call gets %v after %v", err, took)
				}
				requests.Wait()
				slices.Sort(accepted)
				slices.Sort(refused)
				t.Logf("%d accepted: p50 %v, p99 %v, last %v; %d refused: p50 %v, last %v", len(accepted), accepted[len(accepted)/2],
					accepted[len(accepted)*99/100], accepted[len(accepted)-1], len(refused), refused[len(refused)/2], refused[len(refused)-1])
				if last := accepted[len(accepted)-1]; last > bound {
					t.Errorf("accepted after %v", last)
				}
				if last := refused[len(refused)-1]; last > time.Second {
					t.Errorf("refused after %v", last)
				}
				if store.billed != len(accepted)+1 || len(accepted) < seconds*900 {
					t.Errorf("%d billed, %d accepted of the %d that the store can do", store.billed, len(accepted), seconds*1000)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
