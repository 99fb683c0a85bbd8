// Package gateways runs gateways as they are published, unmodified, between callers and a service, with the configurations that
// docs/integrate shows: the tests read them out of the pages and fill in addresses, so what the pages say is what was tried.
//
// It owns one set of promises for every gateway that asks the issuer (promises_test.go) and the tests of those that verify by
// themselves. The issuer stands behind a TLS front of the test's own (front_test.go), which can also misbehave. Start reading there.
package gateways

import (
	"os"
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
	d := harness.New(t, harness.SQLite(t))
	front := newFront(t, d.Issuer)
	d.Issuer = front.url
	w := &world{front: front, service: newService(t), Server: d.Start(t)}
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

// scopes is what the service is told about tokens of a.
func (w *world) scopes() []string { return []string{w.b.ID, w.stranger.ID} }
