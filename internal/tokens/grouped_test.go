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

// slowStore takes its time over each transaction and counts them.
type slowStore struct {
	fakeStore
	mu    sync.Mutex
	calls int
	takes time.Duration
}

func (s *slowStore) CheckTokens(_ context.Context, checks []Check) ([]Verdict, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	time.Sleep(s.takes)
	out := make([]Verdict, len(checks))
	for i, c := range checks {
		if c.Token.ID == "mt_unknown" {
			return nil, m2m.ErrUnavailable
		}
		out[i] = Verdict{CallerKnown: true, Record: &m2m.Record{Grant: m2m.Grant{ID: c.Token.ID}}}
	}
	return out, nil
}

func TestGroupedRequestsShareATransactionAndKeepTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{takes: 10 * time.Millisecond}
		g := NewGrouped(store, GroupOptions{Workers: 1, MaxQueue: 1024}, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		var requests sync.WaitGroup
		for n := range 100 {
			requests.Go(func() {
				id := m2m.TokenID(rune('A' + n))
				got, err := g.CheckTokens(t.Context(), []Check{{Caller: secret.Hash{byte(n % 7)}, Token: Token{ID: id}}})
				if err != nil || got[0].Record.ID != id {
					t.Errorf("asked for %q, got %v, %v", id, got, err)
				}
			})
		}
		requests.Wait()
		if store.calls > 2 {
			t.Errorf("%d transactions for 100 requests that came together", store.calls)
		}
		// What may have been committed is not asked again.
		before := store.calls
		if _, err := g.CheckTokens(t.Context(), []Check{{Token: Token{ID: "mt_unknown"}}}); !errors.Is(err, m2m.ErrUnavailable) || store.calls != before+1 {
			t.Errorf("an unknown outcome: %v after %d transactions", err, store.calls-before)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := g.CheckTokens(t.Context(), []Check{{}}); !errors.Is(err, m2m.ErrUnavailable) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// R58: overload is a "come back later" within a second, and is not billed.
func TestGroupedOverloadIsBusyWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{takes: 3 * time.Second}
		g := NewGrouped(store, GroupOptions{Workers: 1, MaxQueue: 512}, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		go func() { _, _ = g.CheckTokens(t.Context(), []Check{{}}) }()
		synctest.Wait()
		var requests sync.WaitGroup
		for n := range 1000 {
			requests.Go(func() {
				start := time.Now()
				if _, err := g.CheckTokens(t.Context(), []Check{{Caller: secret.Hash{byte(n)}}}); !errors.Is(err, m2m.ErrBusy) || time.Since(start) > time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		requests.Wait()
		stop()
		if err := <-ended; err != nil || store.calls != 1 {
			t.Errorf("%d transactions, %v", store.calls, err)
		}
	})
}

// brokenStore fails whole transactions: of checks with what it is told to, of look-ups whenever one of them is bad.
type brokenStore struct {
	fakeStore
	mu       sync.Mutex
	fail     func() error // may panic
	sizes    []int        // of the transactions
	lookedUp []int
}

func (s *brokenStore) CheckTokens(_ context.Context, checks []Check) ([]Verdict, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(checks))
	for _, c := range checks {
		if c.Token.ID == "mt_bad" {
			return nil, s.fail()
		}
	}
	return make([]Verdict, len(checks)), nil
}

func (s *brokenStore) Callers(_ context.Context, c []secret.Hash) ([]m2m.Caller, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookedUp = append(s.lookedUp, len(c))
	for _, h := range c {
		if h == (secret.Hash{13}) {
			panic("thirteen")
		}
	}
	return make([]m2m.Caller, len(c)), nil
}

// Only what certainly was not billed is asked again, call by call. A panic may come after the commit.
func TestABatchThatMayBeBilledIsNeverAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fail  func() error
		again bool
	}{
		"a bad item":         {func() error { return fmt.Errorf("%w: division by zero", ErrNothingDone) }, true},
		"nothing, but later": {func() error { return fmt.Errorf("%w: %w", ErrNothingDone, m2m.ErrUnavailable) }, false},
		"unknown outcome":    {func() error { return m2m.ErrUnavailable }, false},
		"who knows":          {func() error { return errors.New("something") }, false},
		"a panic":            {func() error { panic("after the commit") }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &brokenStore{fail: c.fail}
			g := NewGrouped(store, GroupOptions{Workers: 1, MaxQueue: 1024}, time.Now)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- g.Run(ctx) }()
			go func() { _, _ = g.CheckTokens(t.Context(), []Check{{}}) }() // the others wait behind it
			synctest.Wait()
			var requests sync.WaitGroup
			for _, id := range []m2m.TokenID{"mt_one", "mt_bad", "mt_two"} {
				requests.Go(func() {
					if _, err := g.CheckTokens(t.Context(), []Check{{Token: Token{ID: id}}}); (err == nil) != (c.again && id != "mt_bad") {
						t.Errorf("%s: %s gets %v", name, id, err)
					}
				})
			}
			requests.Wait()
			want := []int{1, 3}
			if c.again {
				want = []int{1, 3, 1, 1, 1}
			}
			if !slices.Equal(store.sizes, want) {
				t.Errorf("%s: transactions of %v, want %v", name, store.sizes, want)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// Looking up callers bills nothing: whatever goes wrong, only the bad one fails.
func TestABadLookUpFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &brokenStore{}
		g := NewGrouped(store, GroupOptions{Workers: 1, MaxQueue: 1024}, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		go func() { _, _ = g.Callers(t.Context(), []secret.Hash{{}}) }()
		synctest.Wait()
		var requests sync.WaitGroup
		for n := range byte(3) {
			requests.Go(func() {
				if _, err := g.Callers(t.Context(), []secret.Hash{{12 + n}}); (err != nil) != (n == 1) {
					t.Errorf("%d: %v", 12+n, err)
				}
			})
		}
		requests.Wait()
		if want := []int{1, 3, 1, 1, 1}; !slices.Equal(store.lookedUp, want) {
			t.Errorf("look-ups of %v, want %v", store.lookedUp, want)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
