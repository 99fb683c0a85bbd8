//go:build faults

package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/store"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/test/harness"
)

// lingering is a store whose answers take their time on the way back, as from a slow commit. It is sound. The time is long against that of
// a revocation, so that those who join late after one are not a matter of luck.
type lingering struct{ tokens.HotStore }

func (l lingering) CheckTokens(ctx context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	verdicts, err := l.HotStore.CheckTokens(ctx, checks)
	time.Sleep(10 * time.Millisecond)
	return verdicts, err
}

// lateJoiners breaks the one promise of grouping: a question that is already on its way takes in whoever comes and asks the same.
type lateJoiners struct {
	tokens.HotStore
	mu      sync.Mutex
	sealed  map[string]*flight
	joiners int
}

type flight struct {
	landed   chan struct{}
	verdicts []tokens.Verdict
	err      error
}

func (g *lateJoiners) CheckTokens(ctx context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	question := fmt.Sprint(checks)
	g.mu.Lock()
	f := g.sealed[question]
	if f != nil {
		g.joiners++
		g.mu.Unlock()
		<-f.landed
		return f.verdicts, f.err
	}
	f = &flight{landed: make(chan struct{})}
	g.sealed[question] = f
	g.mu.Unlock()
	f.verdicts, f.err = g.HotStore.CheckTokens(ctx, checks)
	g.mu.Lock()
	delete(g.sealed, question)
	g.mu.Unlock()
	close(f.landed)
	return f.verdicts, f.err
}

// staleCache is a proxy that remembers for a moment what was valid.
type staleCache struct {
	next http.Handler
	mu   sync.Mutex
	kept map[string]keptAnswer
}

type keptAnswer struct {
	until time.Time
	body  []byte
}

func (c *staleCache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/verify") {
		c.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	key := r.Header.Get("Authorization") + string(body)
	c.mu.Lock()
	kept := c.kept[key]
	c.mu.Unlock()
	if time.Now().Before(kept.until) {
		_, _ = w.Write(kept.body)
		return
	}
	out := httptest.NewRecorder()
	c.next.ServeHTTP(out, r)
	if out.Code == http.StatusOK {
		c.mu.Lock()
		c.kept[key] = keptAnswer{time.Now().Add(10 * time.Millisecond), out.Body.Bytes()}
		c.mu.Unlock()
	}
	w.WriteHeader(out.Code)
	_, _ = w.Write(out.Body.Bytes())
}

// assembled is a server in this process, on SQLite, whose grouping and handler can be exchanged.
func assembled(t *testing.T, hot func(tokens.HotStore) tokens.HotStore, front func(http.Handler) http.Handler) *harness.Server {
	t.Helper()
	db, err := store.Open(t.Context(), storeOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a := assemble(t, db, hot)
	server := httptest.NewServer(front(a.handler))
	t.Cleanup(server.Close)
	return &harness.Server{
		API:        harness.API{Base: server.URL, HTTP: server.Client()},
		Deployment: &harness.Deployment{InstanceKey: a.instanceKey.Reveal()},
	}
}

// I5: the check is worth something. It passes what is sound, however slow, and catches a batch that takes in late joiners and an answer
// that is cached for a hundredth of a second.
func TestTheCheckRejectsLateJoinersAndCachedAnswers(t *testing.T) {
	slowly := func(h tokens.HotStore) tokens.HotStore { return lingering{h} }
	plain := func(h http.Handler) http.Handler { return h }
	rejected := func(s *harness.Server, most int) int {
		for round := range most {
			if !possible(t, (&contest{at: []*harness.Server{s, s}}).run(t)) {
				return round + 1
			}
		}
		return 0
	}
	t.Run("sound", func(t *testing.T) {
		if n := rejected(assembled(t, func(h tokens.HotStore) tokens.HotStore { return grouped(t, slowly(h)) }, plain), *rounds/4+1); n > 0 {
			t.Errorf("round %d was rejected", n)
		}
	})
	t.Run("late joiners", func(t *testing.T) {
		late := &lateJoiners{sealed: map[string]*flight{}}
		n := rejected(assembled(t, func(h tokens.HotStore) tokens.HotStore {
			late.HotStore = grouped(t, slowly(h))
			return late
		}, plain), 50)
		t.Logf("rejected in round %d, after %d calls joined late", n, late.joiners)
		if n == 0 {
			t.Error("50 rounds of late joiners passed")
		}
	})
	t.Run("cached answers", func(t *testing.T) {
		n := rejected(assembled(t, func(h tokens.HotStore) tokens.HotStore { return grouped(t, h) }, func(h http.Handler) http.Handler {
			return &staleCache{next: h, kept: map[string]keptAnswer{}}
		}), 50)
		t.Logf("rejected in round %d", n)
		if n == 0 {
			t.Error("50 rounds of cached answers passed")
		}
	})
}

var silent = slog.New(slog.DiscardHandler)
