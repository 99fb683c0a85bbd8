package verify_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// R33: 100,000 JWTs with random kids cause at most two fetches.
func TestRandomKidsCauseAtMostTwoFetches(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	good := issuer.JWT(verifytest.Token{})
	parts := strings.Split(good, ".")
	for n := range 100_000 {
		header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"EdDSA","kid":"random-%d","typ":"at+jwt"}`, n))
		if _, err := v.Verify(t.Context(), header+"."+parts[1]+"."+parts[2]); !errors.Is(err, verify.ErrRefused) {
			t.Fatalf("kid %d: %v", n, err)
		}
	}
	if fetches, _ := issuer.Asked(); fetches > 2 {
		t.Errorf("%d fetches of the key set", fetches)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Errorf("the good token beside them: %v", err)
	}
}

// lyingIssuer serves the good key set until it is told to lie.
type lyingIssuer struct {
	*verifytest.Issuer
	lie atomic.Pointer[http.HandlerFunc]
	hit atomic.Int64
}

// through is a client that sends requests for the key set to the lie, if there is one.
func (l *lyingIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	lie := l.lie.Load()
	if lie == nil || !strings.HasSuffix(r.URL.Path, "/jwks.json") {
		return http.DefaultTransport.RoundTrip(r)
	}
	l.hit.Add(1)
	w := httptest.NewRecorder()
	(*lie)(w, r)
	return w.Result(), nil
}

// R32: a key set that lies is refused whole, and the last good one kept; R35: up to a limit.
func TestKeySetsThatLieAreRefusedWhole(t *testing.T) {
	const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	key := func(kid, more string) string {
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q%s}`, kid, x, more)
	}
	set := func(keys ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, strings.Join(keys, ","))
		}
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = key(fmt.Sprint(i), "")
	}
	for name, lie := range map[string]http.HandlerFunc{
		"duplicate kid":  set(key("a", ""), key("a", "")),
		"private member": set(key("a", `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`)),
		"symmetric":      set(`{"kty":"oct","kid":"a","k":"AAAA"}`),
		"symmetric no k": set(`{"kty":"oct","kid":"a"}`),
		"identity point": set(`{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
		"short point":    set(`{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AQAA"}`),
		"21 keys":        set(many...),
		"1 MB":           set(key("a", `,"n":"`+strings.Repeat("a", 1<<20)+`"`)),
		"no keys": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{}`))
		},
		"trailing text": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"keys":[]}x`))
		},
		"HTML with 200": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`{"keys":[]}`))
		},
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/.well-known/jwks.json", http.StatusFound)
		},
		"304 unasked for":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"duplicate member": set(`{"kty":"OKP","kty":"OKP","crv":"Ed25519","kid":"a","x":"` + x + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			l := &lyingIssuer{Issuer: verifytest.NewIssuer(t)}
			var ahead atomic.Int64
			config := l.Config()
			config.HTTPClient = &http.Client{Transport: l}
			config.MaxStale = 2 * time.Hour
			config.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			v := open(t, config)
			good := l.JWT(verifytest.Token{Life: 10 * time.Hour})
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Fatal(err)
			}
			l.lie.Store(&lie)
			ahead.Store(int64(time.Hour)) // no longer fresh, not yet stale
			for range 3 {
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Errorf("with the last good set: %v", err)
				}
			}
			cold := open(t, config)
			if _, err := cold.Verify(t.Context(), good); !errors.Is(err, verify.ErrUnavailable) {
				t.Errorf("a verifier that knows nothing else: %v", err)
			}
			if l.hit.Load() == 0 {
				t.Error("the lie was not told")
			}
			ahead.Store(int64(3 * time.Hour)) // past MaxStale
			if _, err := v.Verify(t.Context(), good); !errors.Is(err, verify.ErrUnavailable) {
				t.Errorf("past the limit of staleness: %v", err)
			}
			l.lie.Store(nil)
			ahead.Store(int64(4 * time.Hour))
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Errorf("once the issuer is well again: %v", err)
			}
		})
	}
}
