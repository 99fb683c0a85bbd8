//go:build faults

package faults

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	httpapi "github.com/dualmint/dualmint/internal/http"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// narrow does a thousand checks a second, one after the other, and bills them.
type narrow struct {
	tokens.HotStore
	turn   chan struct{} // holds one while somebody has it; first come, first served, as a mutex would not be
	billed int
}

func (s *narrow) CheckTokens(_ context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	time.Sleep(time.Duration(len(checks)) * time.Millisecond)
	s.billed += len(checks)
	out := make([]tokens.Verdict, len(checks))
	for i := range out {
		out[i] = tokens.Verdict{CallerKnown: true, Record: &m2m.Record{Format: m2m.Opaque}}
	}
	return out, nil
}

// rush collects what became of the requests.
type rush struct {
	handler http.Handler
	callers []secret.Text

	mu                sync.Mutex
	accepted, refused []time.Duration
	strange           map[int]int
}

func (r *rush) offer(n int) (status int, took time.Duration) {
	const body = `{"token":"mt_12345678901234567890123456789012345678"}`
	req := httptest.NewRequest(http.MethodPost, "/m2m_tokens/verify", strings.NewReader(body))
	req.Header = http.Header{"Authorization": {"Bearer " + r.callers[n%len(r.callers)].Reveal()}, "Content-Type": {"application/json"}}
	out := httptest.NewRecorder()
	start := time.Now()
	r.handler.ServeHTTP(out, req)
	took = time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case out.Code == http.StatusOK:
		r.accepted = append(r.accepted, took)
	case out.Code == http.StatusServiceUnavailable && out.Header().Get("Retry-After") != "":
		r.refused = append(r.refused, took)
	default:
		r.strange[out.Code]++
	}
	return out.Code, took
}

// R58: a database that does 1,000 checks a second is offered 10,000 a second for four seconds, without regard to the answers.
func TestTenTimesTheLoadIsAnsweredWithinASecondAndForgottenWithinASecond(t *testing.T) {
	const seconds, perMillisecond = 4, 10
	database := &narrow{turn: make(chan struct{}, 1)}
	r := &rush{strange: map[int]int{}}
	for range 64 {
		r.callers = append(r.callers, secret.New(secret.MachineSecret))
	}
	r.handler = httpapi.New(httpapi.Deps{
		Tokens: tokens.New(tokens.Deps{Hot: grouped(t, database), Opaque: opaque.New(), Now: time.Now}),
		Logger: silent, Now: time.Now,
	})
	start := time.Now()
	var requests sync.WaitGroup
	var lag time.Duration // of this process behind its own timetable: what the machine adds to every wait
	for sent := 0; sent < seconds*1000*perMillisecond; {
		lag = max(lag, time.Since(start)-time.Duration(sent)*time.Millisecond/perMillisecond)
		for due := int(time.Since(start).Milliseconds()) * perMillisecond; sent < min(due, seconds*1000*perMillisecond); sent++ {
			requests.Go(func() { r.offer(sent) })
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start)
	time.Sleep(time.Second)
	if status, took := r.offer(0); status != http.StatusOK || took > 100*time.Millisecond+lag {
		t.Errorf("a second after the rush a lone request is answered with %d after %v", status, took)
	}
	requests.Wait()
	slices.Sort(r.accepted)
	slices.Sort(r.refused)
	worst := func(l []time.Duration, percent int) time.Duration {
		return l[(len(l)-1)*percent/100].Round(time.Millisecond)
	}
	t.Logf("%d offered in %v, the machine being late by at most %v; %d accepted: p50 %v, p99 %v, last %v; %d told to come back: p50 %v, p99 %v, last %v",
		seconds*1000*perMillisecond, took.Round(time.Millisecond), lag.Round(time.Millisecond), len(r.accepted), worst(r.accepted, 50), worst(r.accepted, 99),
		worst(r.accepted, 100), len(r.refused), worst(r.refused, 50), worst(r.refused, 99), worst(r.refused, 100))
	bound := time.Second + 3*lag // who is answered has waited for two batches and for the processor
	if worst(r.accepted, 99) > bound || worst(r.refused, 100) > bound {
		t.Error("an answer took longer than a second")
	}
	if len(r.strange) > 0 || database.billed != len(r.accepted) {
		t.Errorf("%d accepted, %d billed, other answers: %v", len(r.accepted), database.billed, r.strange)
	}
}
