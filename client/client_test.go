package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer counts what it is asked, and answers as the test says.
type issuer struct {
	*httptest.Server
	asked   atomic.Int64
	trouble atomic.Int64 // answers of 503 before the next good one
	reject  atomic.Bool
	life    time.Duration // 0: endless
	last    atomic.Value  // body
}

func newIssuer(t *testing.T, life time.Duration) *issuer {
	t.Helper()
	i := &issuer{life: life}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		i.last.Store(string(body))
		n := i.asked.Add(1)
		switch {
		case i.reject.Load() || r.Header.Get("Authorization") != "Bearer ak_test" || r.URL.Path != "/v1/m2m_tokens":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"errors":[{"code":"machine_secret_key_invalid"}]}`))
			return
		case i.trouble.Add(-1) >= 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		time.Sleep(10 * time.Millisecond)
		answer := map[string]any{"token": fmt.Sprint("mt_", n), "created_at": 1000, "expiration": nil}
		if i.life > 0 {
			answer["expiration"] = 1000 + i.life.Milliseconds()
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(i.Close)
	return i
}

// open makes a source whose clock the test moves.
func open(t *testing.T, i *issuer, change ...func(*Config)) (*Source, *atomic.Int64) {
	t.Helper()
	ahead := new(atomic.Int64)
	c := Config{Issuer: i.URL, Secret: "ak_test", HTTPClient: i.Client(), Now: func() time.Time { return time.Unix(1e9, ahead.Load()) }}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a renewal in the background may still be under way
		s.mu.Lock()
		f := s.flight
		s.mu.Unlock()
		if f != nil {
			<-f.ended
		}
	})
	return s, ahead
}

func TestOneTokenForAllAndOneRequestUnderWay(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i)
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if got, err := s.Token(t.Context()); err != nil || got != "mt_1" {
				t.Errorf("Token = %q, %v", got, err)
			}
		})
	}
	callers.Wait()
	if i.asked.Load() != 1 {
		t.Errorf("%d requests", i.asked.Load())
	}
}

func TestRenewedShortlyBeforeItsEnd(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, ahead := open(t, i)
	want := func(after time.Duration, bearer string) {
		t.Helper()
		ahead.Store(int64(after))
		if got, err := s.Token(t.Context()); err != nil || got != bearer {
			t.Errorf("after %v: %q, %v; want %q", after, got, err, bearer)
		}
	}
	want(0, "mt_1")
	want(58*time.Minute, "mt_1")
	if i.asked.Load() != 1 {
		t.Error("renewed too early")
	}
	want(59*time.Minute, "mt_1") // lives still; the renewal is in the background
	for s.holds() == "mt_1" {
		time.Sleep(time.Millisecond)
	}
	want(59*time.Minute, "mt_2")
	want(4*time.Hour, "mt_3") // dead: the caller waits
}

func (s *Source) holds() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.bearer
}

func TestAnEndlessTokenIsKept(t *testing.T) {
	i := newIssuer(t, 0)
	s, ahead := open(t, i)
	for range 3 {
		if got, err := s.Token(t.Context()); err != nil || got != "mt_1" {
			t.Errorf("%q, %v", got, err)
		}
		ahead.Add(int64(1000 * time.Hour))
	}
}

func TestTroubleIsTriedAgainAndARejectionIsNot(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i)
	i.trouble.Store(2)
	if got, err := s.Token(t.Context()); err != nil || got != "mt_3" {
		t.Errorf("after two answers of trouble: %q, %v", got, err)
	}
	i.reject.Store(true)
	s.Discard("mt_3")
	if _, err := s.Token(t.Context()); !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "machine_secret_key_invalid") || i.asked.Load() != 4 {
		t.Errorf("a rejection: %v after %d requests", err, i.asked.Load())
	}
	i.reject.Store(false)
	i.trouble.Store(100)
	impatient, _ := open(t, i, func(c *Config) { c.Attempts = 2 })
	if _, err := impatient.Token(t.Context()); err == nil || errors.Is(err, ErrRejected) {
		t.Errorf("an issuer that stays in trouble: %v", err)
	}
}

func TestAsksForWhatWasConfigured(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i, func(c *Config) {
		c.TokenFormat, c.Life, c.Claims = "jwt", 90*time.Second, map[string]int{"n": 1}
	})
	if _, err := s.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := i.last.Load(); got != `{"claims":{"n":1},"seconds_until_expiration":90,"token_format":"jwt"}` {
		t.Errorf("asked with %s", got)
	}
}

func TestTransportRenewsOnceOn401(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, ahead := open(t, i)
	var bodies []string
	accept := "Bearer mt_2"
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
		if r.Header.Get("Authorization") != accept {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer receiver.Close()
	c := &http.Client{Transport: s.Transport(receiver.Client().Transport)}
	post := func(body io.Reader) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, receiver.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if req.Header.Get("Authorization") != "" {
			t.Error("the caller's own request was changed")
		}
		return resp.StatusCode
	}
	if got := post(strings.NewReader("hello")); got != http.StatusOK || strings.Join(bodies, " ") != "hello hello" {
		t.Errorf("status %d, bodies %q", got, bodies)
	}
	accept = "Bearer none"
	bodies = nil
	ahead.Store(int64(20 * time.Second)) // a refused token is replaced only so often
	if got := post(strings.NewReader("again")); got != http.StatusUnauthorized || len(bodies) != 2 {
		t.Errorf("refused for good: status %d after %d requests", got, len(bodies))
	}
	bodies = nil
	ahead.Store(int64(40 * time.Second))
	if got := post(io.MultiReader(strings.NewReader("once"))); got != http.StatusUnauthorized || len(bodies) != 1 {
		t.Errorf("a body that cannot be sent again: status %d after %d requests", got, len(bodies))
	}
	accept = "Bearer mt_4"
	bodies = nil
	if got := post(strings.NewReader("next")); got != http.StatusOK || len(bodies) != 1 {
		t.Errorf("the request after a refusal that could not be tried again: status %d after %d requests", got, len(bodies))
	}
}

func TestWhoLeavesDoesNotEndTheRequestOfOthers(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Token(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	if got, err := s.Token(t.Context()); err != nil || got != "mt_1" || i.asked.Load() != 1 {
		t.Errorf("who stayed got %q, %v after %d requests", got, err, i.asked.Load())
	}
}

func TestConfigFaults(t *testing.T) {
	for _, c := range []Config{{}, {Issuer: "x", Secret: "ak_"}, {Issuer: "http://x"}, {Issuer: "http://x", Secret: "sk_"}, {Issuer: "http://x", Secret: "ak_", TokenFormat: "JWT"}, {Issuer: "http://x", Secret: "ak_", Life: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("New(%+v) accepted", c)
		}
	}
}

// R61: no verb prints a credential.
func TestNothingPrintsTheSecret(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i)
	if _, err := s.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, x := range []any{s, s.config, &s.config} {
			if got := fmt.Sprintf(verb, x); strings.Contains(got, "ak_test") || strings.Contains(got, "mt_1") {
				t.Errorf("%s of %T prints %s", verb, x, got)
			}
		}
	}
}
