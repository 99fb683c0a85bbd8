package verify_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, c verify.Config) *verify.Verifier {
	t.Helper()
	v, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestBothKindsOfTokenSayTheSame(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	say := verifytest.Token{Claims: map[string]int{"order": 42}}
	for kind, token := range map[string]string{"opaque": issuer.Opaque(say), "jwt": issuer.JWT(say)} {
		for range 2 { // the second time from memory
			g, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if g.Machine != verifytest.Caller || !g.HasScope(verifytest.Receiver) || string(g.Claims) != `{"order":42}` || g.JWT != (kind == "jwt") {
				t.Errorf("%s says %+v", kind, g)
			}
		}
	}
}

// R30, R36: what is not good is refused, and the refusals are alike.
func TestBadTokensAreRefused(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	other := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	good := issuer.JWT(verifytest.Token{})
	for name, token := range map[string]string{
		"empty": "", "nonsense": "nonsense", "expired JWT": issuer.JWT(verifytest.Expired()), "expired opaque": issuer.Opaque(verifytest.Expired()),
		"JWT for another": issuer.JWT(verifytest.ForStranger()), "opaque for another": issuer.Opaque(verifytest.ForStranger()),
		"JWT of another issuer": other.JWT(verifytest.Token{}), "opaque of another issuer": other.Opaque(verifytest.Token{}),
		"forged": issuer.Forged(verifytest.Token{}), "cut": good[:len(good)-1], "with a space": good + " ", "JWT without scopes": issuer.JWT(verifytest.Token{Scopes: []string{}}),
		"a machine secret": issuer.Config().Secret, "a huge one": "a." + strings.Repeat("b", 1<<20) + ".c",
	} {
		if g, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) || err.Error() != verify.ErrRefused.Error() || g != nil {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Errorf("the good token beside them: %v", err)
	}
}

func TestRevocationIsInstantWhereTheIssuerIsAsked(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	plain := open(t, issuer.Config())
	config := issuer.Config()
	config.Accept = verify.BothAskIssuer
	asking := open(t, config)
	opaque, jwt := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{})
	for _, token := range []string{opaque, jwt} {
		if _, err := asking.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		issuer.Revoke(token)
		if _, err := asking.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("after its revocation: %v", err)
		}
	}
	if _, err := plain.Verify(t.Context(), opaque); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("a revoked opaque token: %v", err)
	}
	if _, err := plain.Verify(t.Context(), jwt); err != nil {
		t.Errorf("a revoked JWT offline, which nobody asked the issuer about: %v", err)
	}
}

func TestAcceptRestrictsTheKinds(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	opaque, jwt := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{})
	for accept, want := range map[verify.Accept][2]bool{ // opaque, jwt
		verify.Both: {true, true}, verify.JWTOnly: {false, true}, verify.OpaqueOnly: {true, false},
		verify.JWTAskIssuer: {false, true}, verify.BothAskIssuer: {true, true},
	} {
		config := issuer.Config()
		config.Accept = accept
		v := open(t, config)
		_, opaqueErr := v.Verify(t.Context(), opaque)
		_, jwtErr := v.Verify(t.Context(), jwt)
		if got := [2]bool{opaqueErr == nil, jwtErr == nil}; got != want {
			t.Errorf("Accept %d takes %v, want %v", accept, got, want)
		}
	}
	config := issuer.Config()
	config.Accept, config.Secret = verify.JWTOnly, ""
	if _, err := open(t, config).Verify(t.Context(), jwt); err != nil {
		t.Errorf("JWTs alone need no secret: %v", err)
	}
}

// R35: an issuer in trouble never makes a bad token good, and "cannot tell" is not "refused".
func TestAnIssuerInTroubleIsCannotTell(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	opaque, jwt := issuer.Opaque(verifytest.Token{}), issuer.JWT(verifytest.Token{})
	warm, cold := open(t, issuer.Config()), open(t, issuer.Config())
	if _, err := warm.Verify(t.Context(), jwt); err != nil {
		t.Fatal(err)
	}
	issuer.SetDown(true)
	fresh := issuer.JWT(verifytest.Token{})
	if _, err := warm.Verify(t.Context(), fresh); err != nil {
		t.Errorf("a verifier that has the keys: %v", err)
	}
	for name, token := range map[string]string{"opaque": opaque, "jwt": jwt} {
		if g, err := cold.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) || g != nil {
			t.Errorf("%s at a verifier that has nothing: %v", name, err)
		}
	}
	wrong := issuer.Config()
	issuer.SetDown(false)
	wrong.Secret = verifytest.NewIssuer(t).Config().Secret
	if _, err := open(t, wrong).Verify(t.Context(), opaque); !errors.Is(err, verify.ErrUnavailable) {
		t.Errorf("with a secret that the issuer does not know: %v", err)
	}
}

func TestConcurrentOpaqueTokensShareCalls(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	tokens := make([]string, 200)
	for i := range tokens {
		tokens[i] = issuer.Opaque(verifytest.Token{Claims: map[string]int{"n": i}})
	}
	var calls sync.WaitGroup
	for _, token := range tokens {
		calls.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if _, asked := issuer.Asked(); asked > len(tokens)/2 {
		t.Errorf("%d calls for %d concurrent tokens", asked, len(tokens))
	}
}

func TestMiddleware(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	handler := v.Middleware(verify.RequireScope(verifytest.Receiver)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, ok := verify.FromContext(r.Context())
		if !ok || g.Machine != verifytest.Caller {
			t.Errorf("the handler sees %+v", g)
		}
		w.WriteHeader(http.StatusNoContent)
	})))
	good, bad := issuer.Opaque(verifytest.Token{}), issuer.Opaque(verifytest.Expired())
	ask := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header["Authorization"] = header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		name      string
		header    []string
		status    int
		challenge string
	}{
		{"good", []string{"Bearer " + good}, http.StatusNoContent, ""},
		{"scheme in another case", []string{"bearer " + good}, http.StatusNoContent, ""},
		{"bad", []string{"Bearer " + bad}, http.StatusUnauthorized, `Bearer error="invalid_token"`},
		{"none", nil, http.StatusUnauthorized, "Bearer"},
		{"basic", []string{"Basic " + good}, http.StatusUnauthorized, "Bearer"},
		{"two", []string{"Bearer " + good, "Bearer " + good}, http.StatusUnauthorized, "Bearer"},
	} {
		if w := ask(c.header...); w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %q", c.name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	issuer.SetDown(true)
	if w := ask("Bearer " + good); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("issuer down: %d", w.Code)
	}
	// RequireScope alone denies.
	w := httptest.NewRecorder()
	verify.RequireScope(verifytest.Receiver)(handler).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("RequireScope without Middleware: %d", w.Code)
	}
	w = httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	issuer.SetDown(false)
	r.Header.Set("Authorization", "Bearer "+good)
	v.Middleware(verify.RequireScope(verifytest.Stranger)(handler)).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a scope that the token has not: %d", w.Code)
	}
}

func TestConfigThatWouldLeaveACheckOutIsRefused(t *testing.T) {
	good := verifytest.NewIssuer(t).Config()
	for name, change := range map[string]func(*verify.Config){
		"no issuer": func(c *verify.Config) { c.Issuer = "" }, "issuer with a query": func(c *verify.Config) { c.Issuer += "?a" },
		"issuer with a slash": func(c *verify.Config) { c.Issuer += "/" },
		"no machine":          func(c *verify.Config) { c.Machine = "" }, "a name as machine": func(c *verify.Config) { c.Machine = "B" },
		"no secret": func(c *verify.Config) { c.Secret = "" }, "two minutes of leeway": func(c *verify.Config) { c.Leeway = 2 * time.Minute },
		"negative leeway": func(c *verify.Config) { c.Leeway = -1 }, "no such accept": func(c *verify.Config) { c.Accept = 9 },
	} {
		c := good
		change(&c)
		if v, err := verify.New(c); err == nil {
			v.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestACallerWhoLeavesGetsCannotTell(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v := open(t, issuer.Config())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, issuer.Opaque(verifytest.Token{})); !errors.Is(err, verify.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
