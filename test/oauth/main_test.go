// Package oauth holds the real server to the RFCs of its OAuth endpoints, with requests written by hand and with golang.org/x/oauth2: what
// is taken and refused, by the sections that say so; assertions that are good once on every process; and the native interface and OAuth
// being two ways to the same thing.
package oauth

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// world is the cast of most tests: a may call b, and c has nothing to do with either.
type world struct {
	*harness.Server
	a, b, c harness.Machine
}

func newWorld(t *testing.T, s *harness.Server) world {
	t.Helper()
	b := s.NewMachine(t, "B")
	return world{Server: s, a: s.NewMachine(t, "A", b), b: b, c: s.NewMachine(t, "C")}
}

// onBoth runs a test in a world of its own on each database.
func onBoth(t *testing.T, test func(t *testing.T, w world)) {
	t.Helper()
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) { test(t, newWorld(t, s)) })
}

var formats = []string{"opaque", "jwt"}

const grant = "grant_type=client_credentials"

// form posts a form, as the machine by HTTP Basic unless that is nobody.
func form(t *testing.T, s *harness.Server, path string, as harness.Machine, body string, headers ...string) harness.Reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if as.ID != "" {
		req.SetBasicAuth(url.QueryEscape(as.ID), url.QueryEscape(as.SecretKey))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.Send(t, req)
}

// issued is the answer of RFC 6749 section 5.1.
type issued struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
}

// get gets a token for a.
func (w world) get(t *testing.T, parameters string) issued {
	t.Helper()
	var out issued
	form(t, w.Server, "/oauth2/token", w.a, grant+parameters).Want(t, http.StatusOK).Into(t, &out)
	return out
}

func about(token string) string { return "token=" + url.QueryEscape(token) }

func (w world) introspect(t *testing.T, as harness.Machine, token string) harness.Reply {
	t.Helper()
	return form(t, w.Server, "/oauth2/introspect", as, about(token))
}

// wantError fails the test unless an answer is this error of RFC 6749 section 5.2, as it has to be sent.
func wantError(t *testing.T, what string, r harness.Reply, status int, code string) {
	t.Helper()
	var body map[string]string
	r.Into(t, &body)
	if r.Status != status || body["error"] != code || body["error_description"] == "" || len(body) != 2 {
		t.Errorf("%s: %d %s, want %d %s", what, r.Status, r.Body, status, code)
	}
	if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", what, r.Header)
	}
	if (r.Header.Get("WWW-Authenticate") != "") != (status == http.StatusUnauthorized) {
		t.Errorf("%s: %d with the challenge %q", what, status, r.Header.Get("WWW-Authenticate"))
	}
}
