package verify_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// ahead opens a verifier whose clock the test moves.
func ahead(t *testing.T, c verify.Config) (*verify.Verifier, *atomic.Int64) {
	t.Helper()
	by := new(atomic.Int64)
	c.Now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	return open(t, c), by
}

// A remembered JWT is looked at with the clock of this moment.
func TestARememberedTokenDies(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	token := issuer.JWT(verifytest.Token{Life: time.Hour})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	by.Store(int64(2 * time.Hour))
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("an hour after its end: %v", err)
	}
}

// A remembered JWT is refused once its key has left the set.
func TestARememberedTokenGoesWithItsKey(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	token := issuer.JWT(verifytest.Token{Life: 10 * time.Hour})
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	by.Store(int64(time.Hour)) // the set is no longer fresh
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("its key has left the set: %v", err)
	}
	if _, err := v.Verify(t.Context(), issuer.JWT(verifytest.Token{Life: 10 * time.Hour})); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

// A set that the issuer confirms with 304 is as good as a new one.
func TestAConfirmedSetDoesNotGrowStale(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	config := issuer.Config()
	config.MaxStale = 3 * time.Hour
	v, by := ahead(t, config)
	token := issuer.JWT(verifytest.Token{Life: 100 * time.Hour})
	for hour := range 8 {
		by.Store(int64(time.Duration(hour) * 2 * time.Hour))
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatalf("after %d hours: %v", 2*hour, err)
		}
		if n, _ := issuer.Asked(); n != hour+1 {
			t.Fatalf("after %d hours the key set was fetched %d times", 2*hour, n)
		}
		if _, err := v.Verify(t.Context(), token); err != nil { // without another fetch, which it is too early for
			t.Fatalf("after %d hours, with the set confirmed: %v", 2*hour, err)
		}
	}
}

// R33: one unknown kid that comes again and again is looked for once.
func TestTheSameUnknownKidIsLookedForOnce(t *testing.T) {
	issuer, stranger := verifytest.NewIssuer(t), verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	foreign := stranger.JWT(verifytest.Token{Life: 10 * time.Hour})
	for minute := range 8 {
		by.Store(int64(time.Duration(minute) * time.Minute))
		if _, err := v.Verify(t.Context(), foreign); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("minute %d: %v", minute, err)
		}
	}
	if n, _ := issuer.Asked(); n > 2 {
		t.Errorf("%d fetches of the key set", n)
	}
}

// Whatever it knows, a Verifier that is closed says nothing any more.
func TestAClosedVerifierCannotTell(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	opaque, jwt := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{})
	for _, token := range []string{opaque, jwt} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	v.Close()
	v.Close()
	for _, token := range []string{opaque, jwt} {
		if g, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) || g != nil {
			t.Errorf("%+v, %v", g, err)
		}
	}
}

// roundTrip is a function as a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A JWT that is good offline is refused when the issuer speaks of another token.
func TestTheIssuersAnswerMustBeAboutTheSameToken(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	config := issuer.Config()
	config.Accept = verify.JWTAskIssuer
	config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return http.DefaultTransport.RoundTrip(r)
		}
		w := httptest.NewRecorder()
		_, _ = w.WriteString(`{"results":[{"object":"machine_to_machine_token","id":"mt_1","subject":"` + verifytest.Caller + `","claims":null,"scopes":["` +
			verifytest.Receiver + `"],"revoked":false,"expired":false,"expiration":null,"created_at":1,"token_format":"jwt"}]}`)
		return w.Result(), nil
	})}
	if g, err := open(t, config).Verify(t.Context(), issuer.JWT(verifytest.Token{})); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("%+v, %v", g, err)
	}
}

// An issuer's answer that is not wholly a good one is a refusal; one that cannot be read is "cannot tell".
func TestHalfAnAnswerIsNoAcceptance(t *testing.T) {
	const good = `{"object":"machine_to_machine_token","id":"mt_1","subject":"mch_1","claims":null,"scopes":["` + verifytest.Receiver + `"],` +
		`"revoked":false,"expired":false,"expiration":null,"created_at":1,"token_format":"opaque"}`
	change := func(from, to string) string { return fmt.Sprintf(`{"results":[%s]}`, replace(t, good, from, to)) }
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"good":                 {200, `{"results":[` + good + `]}`, nil},
		"revoked":              {200, change(`"revoked":false`, `"revoked":true`), verify.ErrRefused},
		"expired":              {200, change(`"expired":false`, `"expired":true`), verify.ErrRefused},
		"for another":          {200, change(verifytest.Receiver, verifytest.Stranger), verify.ErrRefused},
		"no scopes":            {200, change(`["`+verifytest.Receiver+`"]`, `null`), verify.ErrRefused},
		"another object":       {200, change("machine_to_machine_token", "machine"), verify.ErrRefused},
		"no id":                {200, change(`"mt_1"`, `""`), verify.ErrRefused},
		"no subject":           {200, change(`"mch_1"`, `""`), verify.ErrRefused},
		"revoked not said":     {200, change(`"revoked":false,`, ``), verify.ErrRefused},
		"expired not said":     {200, change(`"expired":false,`, ``), verify.ErrRefused},
		"revoked null":         {200, change(`"revoked":false`, `"revoked":null`), verify.ErrRefused},
		"claims a list":        {200, change(`"claims":null`, `"claims":[]`), verify.ErrRefused},
		"revoked twice":        {200, change(`"revoked":false`, `"revoked":true,"revoked":false`), verify.ErrUnavailable},
		"no end said":          {200, change(`"expiration":null,`, ``), verify.ErrRefused},
		"an end that is none":  {200, change(`"expiration":null`, `"expiration":"never"`), verify.ErrRefused},
		"a list in a list":     {200, `{"results":[[` + good + `]]}`, verify.ErrUnavailable},
		"text behind it":       {200, `{"results":[` + good + `]}{}`, verify.ErrUnavailable},
		"nine megabytes":       {200, `{"results":[` + good + `],"x":"` + strings.Repeat("x", 9<<20) + `"}`, verify.ErrUnavailable},
		"errors beside it":     {200, change(`"revoked"`, `"errors":[{}],"revoked"`), verify.ErrRefused},
		"an empty object":      {200, `{"results":[{}]}`, verify.ErrRefused},
		"no result":            {200, `{"results":[]}`, verify.ErrUnavailable},
		"two results":          {200, `{"results":[` + good + `,` + good + `]}`, verify.ErrUnavailable},
		"no JSON":              {200, `<html>`, verify.ErrUnavailable},
		"good with 201":        {201, `{"results":[` + good + `]}`, verify.ErrUnavailable},
		"404":                  {404, `{}`, verify.ErrUnavailable},
		"401":                  {401, `{}`, verify.ErrUnavailable},
		"redirect to a friend": {302, ``, verify.ErrUnavailable},
	} {
		friend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"results":[` + good + `]}`)) }))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", friend.URL)
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		v, err := verify.New(verify.Config{Issuer: server.URL, Machine: verifytest.Receiver, Secret: secret.New(secret.MachineSecret).Reveal()})
		if err != nil {
			t.Fatal(err)
		}
		g, err := v.Verify(t.Context(), secret.New(secret.OpaqueToken).Reveal())
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (g == nil) != (c.want != nil) {
			t.Errorf("%s: %+v, %v; want %v", name, g, err, c.want)
		}
		v.Close()
		server.Close()
		friend.Close()
	}
}

// replace is strings.Replace that must find something.
func replace(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q is not in %s", from, text)
	}
	return strings.Replace(text, from, to, 1)
}
