package verify_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// R41: a verifier that was idle while a key left the set does not accept that key's tokens when it wakes: max-age is the bound for it
// too, as long as the issuer answers.
func TestAnIdleVerifierDoesNotTrustAKeyThatHasLeftTheSet(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	seen, unseen := issuer.JWT(verifytest.Token{Life: 100 * time.Hour}), issuer.JWT(verifytest.Token{Life: 100 * time.Hour})
	if _, err := v.Verify(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	by.Store(int64(23 * time.Hour))
	for name, token := range map[string]string{"seen before": seen, "never seen": unseen} {
		if g, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if n, _ := issuer.Asked(); n != 2 {
		t.Errorf("%d fetches of the key set", n)
	}
}

// fadingIssuer gives one key set for as long as it is well, and then takes requests and never answers.
type fadingIssuer struct {
	keySet []byte
	gone   atomic.Bool
	asked  atomic.Int64
}

func (f *fadingIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked.Add(1)
	if f.gone.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(f.keySet)
	return w.Result(), nil
}

// keySetOf fetches the key set of an issuer.
func keySetOf(t *testing.T, issuer *verifytest.Issuer) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer.URL+"/.well-known/jwks.json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// R35, R41: an issuer that hangs costs those who come one wait, Timeout at the longest; then the last good set serves at once, while the
// fetches go on, few and in the background; and once the issuer answers, its set is the one that counts.
func TestADeadIssuerCostsOneWaitPerCoolDown(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	first := keySetOf(t, issuer)
	synctest.Test(t, func(t *testing.T) {
		issuerOf := &fadingIssuer{keySet: first}
		config := issuer.Config()
		config.HTTPClient = &http.Client{Transport: issuerOf}
		config.Timeout = 2 * time.Second
		v, err := verify.New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		token := issuer.JWT(verifytest.Token{Life: 20 * time.Hour})
		took := func() time.Duration { // in the time of the bubble
			t.Helper()
			began := time.Now()
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		if d := took(); d != 0 {
			t.Errorf("the first one took %s", d)
		}

		issuerOf.gone.Store(true)
		time.Sleep(time.Hour) // the set is no longer fresh
		before := issuerOf.asked.Load()
		var together sync.WaitGroup
		for range 10 {
			together.Go(func() {
				if d := took(); d != config.Timeout {
					t.Errorf("waited %s for the fetch, not %s", d, config.Timeout)
				}
			})
		}
		together.Wait()
		if n := issuerOf.asked.Load() - before; n != 1 {
			t.Errorf("%d fetches for ten callers", n)
		}
		before = issuerOf.asked.Load()
		for range 600 {
			time.Sleep(time.Second)
			if d := took(); d != 0 {
				t.Fatalf("waited %s again", d)
			}
		}
		if n := issuerOf.asked.Load() - before; n < 60 || n > 600/5 {
			t.Errorf("%d fetches in ten minutes", n)
		}
		time.Sleep(time.Minute) // nobody came for a cool-down
		if d := took(); d != config.Timeout {
			t.Errorf("waited %s, not %s: what was the last answer of the issuer is too long ago", d, config.Timeout)
		}

		issuerOf.keySet = []byte(`{"keys":[]}`)
		issuerOf.gone.Store(false)
		time.Sleep(time.Minute)
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("the key has left the set: %v", err)
		}
	})
}

// R35, R41: the bound that docs/keys.md and the answer to a compromise state for a verifier that cannot reach its issuer.
func TestACutOffVerifierTrustsItsKeySetForADay(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	token := issuer.JWT(verifytest.Token{Life: 100 * time.Hour})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	issuer.SetDown(true)
	by.Store(int64(keys.MaxStale - time.Minute))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("within the bound: %v", err)
	}
	by.Store(int64(keys.MaxStale))
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) {
		t.Errorf("past the bound: %v", err)
	}
}
