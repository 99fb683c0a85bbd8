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
	asked int
}

// set changes what it counts from now on.
func (a *abacus) set(n int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n, a.err = n, err
}

func (a *abacus) times() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func (a *abacus) count(ctx context.Context, c Counted) (int64, error) {
	a.mu.Lock()
	a.asked++
	n, err := a.n, a.err
	a.mu.Unlock()
	if c.Key == "panic" {
		panic("a secret")
	}
	select {
	case <-time.After(a.takes):
		return n, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// A tally answers at once, counts behind the back of who asked, rests for twenty times as long as it took, and says nothing that is too old.
func TestATallyCountsBehindTheBackOfWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &abacus{n: 1_000_003, takes: 5 * time.Second}
		tally := NewTally(a.count, time.Now, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tally.Run(ctx) }()
		begun := time.Now()
		of := func(c Counted, want int64, counted time.Duration, known bool, asked int) {
			t.Helper()
			n, at, ok := tally.Of(c)
			if ok != known || known && (n != want || at.Sub(begun) != counted) {
				t.Errorf("%d at %s %v, want %d at %s %v", n, at.Sub(begun), ok, want, counted, known)
			}
			synctest.Wait()
			if n := a.times(); n != asked {
				t.Errorf("counted %d times, want %d", n, asked)
			}
		}
		hub, key := Counted{Machine: "mch_1"}, Counted{Key: "kid"}
		of(hub, 0, 0, false, 1)
		of(hub, 0, 0, false, 1) // it waits once
		of(key, 0, 0, false, 1) // one after the other
		time.Sleep(6 * time.Second)
		of(hub, 1_000_003, 0, true, 1)
		time.Sleep(98 * time.Second) // it took five seconds, so it rests for a hundred
		a.set(7, nil)
		of(hub, 1_000_003, 0, true, 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		of(key, 0, 0, false, 2)
		time.Sleep(5*time.Second + 100*time.Second + time.Second) // the key is counted, and after a rest the hub, which was asked for again
		synctest.Wait()
		of(key, 7, 105*time.Second, true, 3)
		time.Sleep(5 * time.Second)
		of(hub, 7, 210*time.Second, true, 3)
		time.Sleep(countedTooLong)
		of(hub, 0, 0, false, 5) // the key was asked for again, too
		time.Sleep(time.Second)
		stop() // while it counts
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A count that fails, or panics (R61), is said in the log, once a minute at most, and takes nothing away that is still good.
func TestATallyOutlivesWhatItCountsWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &abacus{n: 20_000}
		var log strings.Builder
		tally := NewTally(a.count, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tally.Run(ctx) }()
		c := Counted{Machine: "mch_1"}
		tally.Of(Counted{Key: "panic"})
		tally.Of(c)
		synctest.Wait()
		a.set(0, errors.New("no database"))
		time.Sleep(countedAnew)
		for range 3 {
			if n, _, ok := tally.Of(c); n != 20_000 || !ok {
				t.Errorf("%d %v", n, ok)
			}
			synctest.Wait()
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		said := log.String()
		if strings.Count(said, "no database") != 1 || a.times() != 3 {
			t.Errorf("asked %d times; log: %s", a.times(), said)
		}
		if !strings.Contains(said, "panic of type string") || strings.Contains(said, "a secret") {
			t.Errorf("log: %s", said)
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
