package usage

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// slow takes its time over each reading and counts those that are under way.
type slow struct {
	mu        sync.Mutex
	takes     time.Duration
	now, most int
}

func (s *slow) UsageRows(ctx context.Context, _, _ time.Time, _ func(Row) error) error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// R58: reports stand back behind verifications, whatever number of them is asked for.
func TestReportsAreMadeOneAtATimeAndForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{takes: 400 * time.Millisecond}
		service := New(store, PriceList{})
		q := span("2026-05-01T00", "2026-05-02T00", Day, Groups{})
		var mu sync.Mutex
		var made, busy int
		var requests sync.WaitGroup
		for range 16 {
			requests.Go(func() {
				start := time.Now()
				_, err := service.Report(t.Context(), operator(), q)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					made++
				case errors.Is(err, m2m.ErrBusy) && time.Since(start) <= time.Second:
					busy++
				default:
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		requests.Wait()
		if store.most != 1 || made != 3 || busy != 13 {
			t.Errorf("%d at once, %d made, %d told to come back", store.most, made, busy)
		}
		store.takes = time.Hour
		start := time.Now()
		if _, err := service.Report(t.Context(), operator(), q); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > reportWithin {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		store.takes = 0
		if _, err := service.Report(t.Context(), operator(), q); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
