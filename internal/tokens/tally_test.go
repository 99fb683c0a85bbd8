package tokens

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// abacus is what a tally counts with.
type abacus struct {
	mu    sync.Mutex
	n     int64
	err   error
	takes time.Duration
	asked []Counted
}

func (a *abacus) count(ctx context.Context, c Counted) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, c)
	select {
	case <-time.After(a.takes):
		return a.n, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// A tally answers at once, counts behind the back of who asked, rests for twenty times as long as it took, and says nothing that is too old.
func TestATallyCountsBehindTheBackOfWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &abacus{n: 1_000_003, takes: 10 * time.Second}
		tally := NewTally(a.count, time.Now, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tally.Run(ctx) }()
		hub, key := Counted{Machine: "mch_1"}, Counted{Key: "kid"}
		of := func(c Counted, want int64, known bool, asked int) {
			t.Helper()
			if n, ok := tally.Of(c); ok != known || known && n != want {
				t.Errorf("%d %v, want %d %v", n, ok, want, known)
			}
			synctest.Wait()
			if len(a.asked) != asked {
				t.Errorf("counted %d times, want %d", len(a.asked), asked)
			}
		}
		of(hub, 0, false, 1)
		of(hub, 0, false, 1) // it waits once
		of(key, 0, false, 1) // one after the other
		time.Sleep(11 * time.Second)
		of(hub, 1_000_003, true, 2)
		time.Sleep(150 * time.Second)
		of(hub, 1_000_003, true, 2) // it took ten seconds, so it rests for two hundred
		a.n = 7
		time.Sleep(60 * time.Second)
		of(hub, 1_000_003, true, 3)
		time.Sleep(11 * time.Second)
		of(hub, 7, true, 3)
		time.Sleep(countedTooLong)
		of(hub, 0, false, 4)
		time.Sleep(5 * time.Second)
		stop() // while it counts
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A count that fails is said in the log, once a minute at most, and takes nothing away that is still good.
func TestATallyOutlivesWhatItCountsWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &abacus{n: 20_000}
		var log strings.Builder
		tally := NewTally(a.count, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = tally.Run(ctx) }()
		c := Counted{Machine: "mch_1"}
		tally.Of(c)
		synctest.Wait()
		a.err = errors.New("no database")
		time.Sleep(countedAnew)
		for range 3 {
			if n, ok := tally.Of(c); n != 20_000 || !ok {
				t.Errorf("%d %v", n, ok)
			}
			synctest.Wait()
		}
		if strings.Count(log.String(), "no database") != 1 || len(a.asked) != 2 {
			t.Errorf("asked %d times; log: %s", len(a.asked), log.String())
		}
	})
}

// What a tally keeps is bounded, and what nobody asks for any more makes room.
func TestATallyIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	tally := NewTally(func(context.Context, Counted) (int64, error) { return 1, nil }, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	name := func(i int) Counted { return Counted{Machine: m2m.MachineID(strings.Repeat("m", i+1))} }
	for i := range tallyMost + 10 {
		tally.Of(name(i))
	}
	if len(tally.kept) != tallyMost || len(tally.due) != tallyMost {
		t.Fatalf("%d kept, %d due", len(tally.kept), len(tally.due))
	}
	for range tallyMost {
		tally.do(t.Context(), <-tally.due)
	}
	now = now.Add(countedTooLong)
	if tally.Of(name(tallyMost + 5)); len(tally.kept) != 1 || len(tally.due) != 1 {
		t.Errorf("%d kept, %d due", len(tally.kept), len(tally.due))
	}
}
