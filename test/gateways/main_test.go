// Package gateways runs gateways as they are published, unmodified, between callers and a service, with the configurations that
// docs/integrate shows: the tests read them out of the pages and fill in addresses, so what the pages say is what was tried.
//
// It owns one set of promises for every gateway that asks the issuer (promises_test.go) and the tests of those that verify by
// themselves. The issuer stands behind a TLS front of the test's own (front_test.go), which can also misbehave. Start reading there.
package gateways

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// world is an issuer behind its front, a service, and the machines: a may call b, which stands behind the gateway, and nobody may call
// stranger but a.
type world struct {
	*harness.Server
	front   *front
	service *service

	a, b, stranger harness.Machine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{front: newFront(t), service: newService(t)} // they listen before the issuer looks for a free port
	d := harness.New(t, harness.SQLite(t))
	behind, err := url.Parse(d.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.front.behind.Store(behind)
	d.Issuer = w.front.url
	w.Server = d.Start(t)
	w.b = w.NewMachine(t, "B")
	w.stranger = w.NewMachine(t, "stranger")
	w.a = w.NewMachine(t, "A", w.b, w.stranger)
	return w
}

// mint makes a token of a with claims and in a format of the caller's choice.
func (w *world) mint(t *testing.T, format string, claims harness.Fields) harness.Token {
	t.Helper()
	return w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format, "claims": claims})
}

// issued is a JWT that a got as an OAuth client, for b alone.
func (w *world) issued(t *testing.T) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "token_format": {"jwt"}, "resource": {w.b.ID},
		"client_id": {w.a.ID}, "client_secret": {w.a.SecretKey},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Base+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var out struct {
		Token string `json:"access_token"`
	}
	w.Send(t, req).Want(t, http.StatusOK).Into(t, &out)
	return out.Token
}

// scopes is what the service is told about tokens of a.
func (w *world) scopes() []string { return []string{w.b.ID, w.stranger.ID} }
