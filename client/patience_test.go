package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is an issuer that answers as the test says and remembers when it was asked.
type script struct {
	answer func(n int) (status int, retryAfter string)
	asked  []time.Time
}

func (s *script) RoundTrip(*http.Request) (*http.Response, error) {
	s.asked = append(s.asked, time.Now())
	status, retryAfter := s.answer(len(s.asked))
	w := httptest.NewRecorder()
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"token":"mt_good","created_at":1000,"expiration":3601000}`)
	return w.Result(), nil
}

// scripted runs a test in a bubble, whose time passes as soon as all wait.
func scripted(t *testing.T, answer func(n int) (int, string), test func(*testing.T, *Source, *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer := &script{answer: answer}
		s, err := New(Config{Issuer: "http://issuer.example", Secret: "ak_test", HTTPClient: &http.Client{Transport: issuer}})
		if err != nil {
			t.Fatal(err)
		}
		test(t, s, issuer)
	})
}

// RFC 9110 section 10.2.3: nobody comes back earlier than the issuer says, in seconds or with a date, and those who were told the same do
// not come back at the same moment.
func TestRetryAfterIsKeptAndJittered(t *testing.T) {
	for name, c := range map[string]struct {
		retryAfter  func() string
		least, most time.Duration
	}{
		"seconds":     {func() string { return "3" }, 3 * time.Second, 3*time.Second + firstPause},
		"a date":      {func() string { return time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat) }, 3 * time.Second, 4*time.Second + firstPause},
		"nothing":     {func() string { return "" }, firstPause / 2, firstPause},
		"nonsense":    {func() string { return "soon" }, firstPause / 2, firstPause},
		"a past date": {func() string { return "Fri, 02 Jan 1998 15:04:05 GMT" }, firstPause / 2, firstPause},
		"negative":    {func() string { return "-5" }, firstPause / 2, firstPause},
	} {
		pauses := map[time.Duration]bool{}
		for range 8 {
			scripted(t, func(n int) (int, string) {
				if n == 1 {
					return http.StatusServiceUnavailable, c.retryAfter()
				}
				return http.StatusCreated, ""
			}, func(t *testing.T, s *Source, issuer *script) {
				t.Helper()
				if _, err := s.Token(t.Context()); err != nil || len(issuer.asked) != 2 {
					t.Fatalf("%s: %v after %d requests", name, err, len(issuer.asked))
				}
				pause := issuer.asked[1].Sub(issuer.asked[0])
				if pause < c.least || pause > c.most {
					t.Errorf("%s: asked again after %v", name, pause)
				}
				pauses[pause] = true
			})
		}
		if len(pauses) == 1 {
			t.Errorf("%s: always the same pause", name)
		}
	}
}

// An issuer that says to come back much later is not asked before, by whichever caller, and a token that lives goes on being given.
func TestNobodyAsksBeforeTheIssuerSaid(t *testing.T) {
	scripted(t, func(n int) (int, string) {
		if n == 2 {
			return http.StatusTooManyRequests, "60"
		}
		return http.StatusCreated, ""
	}, func(t *testing.T, s *Source, issuer *script) {
		t.Helper()
		ask := func(want string) {
			t.Helper()
			got, err := s.Token(t.Context())
			synctest.Wait() // a renewal in the background has ended
			if got != want || (err == nil) != (want != "") {
				t.Errorf("after %v: %q, %v", time.Since(issuer.asked[0]), got, err)
			}
		}
		ask("mt_good")
		time.Sleep(59*time.Minute + time.Second) // due for renewal
		ask("mt_good")
		ask("mt_good")
		time.Sleep(59 * time.Second) // dead
		ask("")
		ask("")
		if len(issuer.asked) != 2 {
			t.Errorf("%d requests within the minute", len(issuer.asked))
		}
		time.Sleep(2 * time.Second)
		ask("mt_good")
		if len(issuer.asked) != 3 {
			t.Errorf("%d requests after it", len(issuer.asked))
		}
	})
}

// Callers of a machine that is rejected, or whose issuer stays in trouble, do not make a storm of requests.
func TestAFailureIsNotAskedForAgainAtOnce(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusInternalServerError} {
		scripted(t, func(int) (int, string) { return status, "" }, func(t *testing.T, s *Source, issuer *script) {
			t.Helper()
			_, first := s.Token(t.Context())
			after := len(issuer.asked)
			for range 100 {
				if _, err := s.Token(t.Context()); !errors.Is(err, first) || errors.Is(err, ErrRejected) != (status == http.StatusUnauthorized) {
					t.Errorf("status %d: %v", status, err)
				}
			}
			if len(issuer.asked) != after {
				t.Errorf("status %d: %d requests more", status, len(issuer.asked)-after)
			}
			time.Sleep(pauseAfterFailure)
			if _, err := s.Token(t.Context()); err == nil || len(issuer.asked) == after {
				t.Errorf("status %d: a second later: %v after %d requests", status, err, len(issuer.asked))
			}
		})
	}
}

// A token costs something: a receiver that refuses whatever it is shown does not make its caller buy one for each request.
func TestAReceiverThatRefusesEverythingGetsANewTokenOnlySoOften(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, ahead := open(t, i)
	requests := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer receiver.Close()
	c := &http.Client{Transport: s.Transport(receiver.Client().Transport)}
	ask := func() {
		t.Helper()
		resp, err := c.Get(receiver.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d, %v", resp.StatusCode, err)
		}
	}
	for range 50 {
		ask()
	}
	if i.asked.Load() != 2 || requests != 51 {
		t.Errorf("%d tokens for %d requests", i.asked.Load(), requests)
	}
	ahead.Store(int64(pauseAfterRefusal))
	ask()
	if i.asked.Load() != 3 {
		t.Errorf("%d tokens after the pause", i.asked.Load())
	}
}

// A redirect must not carry the token to whom it was not meant for.
func TestARedirectToAnotherHostGoesWithoutTheToken(t *testing.T) {
	i := newIssuer(t, time.Hour)
	s, _ := open(t, i)
	seen := map[string]string{}
	note := func(name string, then http.Handler) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen[name+r.URL.Path] = r.Header.Get("Authorization")
			then.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server
	}
	done := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	elsewhere := note("elsewhere", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" { // twice, so that it is the first host that counts and not the last
			http.Redirect(w, r, "/b", http.StatusFound)
		}
	}))
	receiver := note("receiver", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL+"/a", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			done.ServeHTTP(w, r)
		}
	}))
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: s.Transport(transport)}
	for _, path := range []string{"/away", "/here"} {
		resp, err := c.Get(receiver.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	for place, want := range map[string]string{
		"receiver/away": "Bearer mt_1", "receiver/here": "Bearer mt_1", "receiver/there": "Bearer mt_1", "elsewhere/a": "", "elsewhere/b": "",
	} {
		if got, asked := seen[place]; got != want || !asked {
			t.Errorf("%s saw %q (asked: %v)", place, got, asked)
		}
	}
}

// The secret is shown to the issuer alone, whatever client is given.
func TestTheSecretFollowsNoRedirect(t *testing.T) {
	reached := false
	friend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer friend.Close()
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(friend.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
	}))
	defer issuer.Close()
	s, err := New(Config{Issuer: issuer.URL, Secret: "ak_test", HTTPClient: issuer.Client(), Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Token(context.Background()); err == nil || reached {
		t.Errorf("%q, %v, reached: %v", got, err, reached)
	}
}
