package tokens

import (
	"context"
	"errors"
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
