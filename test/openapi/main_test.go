package openapi

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) {
	openapi3filter.RegisterBodyDecoder("application/token-introspection+jwt", openapi3filter.PlainBodyDecoder)
	os.Exit(harness.Run(m))
}

// witness sends requests to a real server, holds each exchange against the description that the server itself serves, and remembers
// which answers it has seen.
type witness struct {
	*harness.Server
	about *Description
	seen  map[string]Exchange // by operation and status
}

func newWitness(t *testing.T, env ...string) *witness {
	t.Helper()
	s := harness.New(t, harness.SQLite(t), env...).Start(t)
	about, err := Read(t.Context(), s.Call(t, http.MethodGet, "/openapi.yaml", "", nil).Want(t, http.StatusOK).Body)
	if err != nil {
		t.Fatal(err)
	}
	return &witness{Server: s, about: about, seen: map[string]Exchange{}}
}

// send makes one request and fails the test unless the answer has this status and the description allows the exchange. Headers are
// pairs of name and value.
func (w *witness) send(t *testing.T, want int, method, path, bearer, body string, headers ...string) harness.Reply {
	t.Helper()
	x, r := w.exchange(t, method, path, bearer, body, headers...)
	if r.Status != want {
		t.Errorf("%s %s: %d %s, want %d", method, path, r.Status, r.Body, want)
		return r
	}
	w.check(t, x)
	return r
}

func (w *witness) exchange(t *testing.T, method, path, bearer, body string, headers ...string) (Exchange, harness.Reply) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.Base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	r := w.Send(t, req)
	return Exchange{
		Method: method, URL: req.URL.String(), Sent: req.Header, SentBody: []byte(body), Status: r.Status, Header: r.Header, Body: r.Body,
	}, r
}

func (w *witness) check(t *testing.T, x Exchange) {
	t.Helper()
	if err := w.about.Check(t.Context(), x); err != nil {
		t.Errorf("%v\n%s", err, x.Body)
	}
	op, err := w.about.Of(x)
	if err != nil {
		t.Error(err)
		return
	}
	w.seen[fmt.Sprintf("%s %d", op.Name(), x.Status)] = x
}

// unseen lists the described answers that no exchange has had, but for those of a service in trouble.
func (w *witness) unseen() []string {
	missing := map[string]bool{}
	for _, op := range w.about.Operations() {
		for status := range op.Responses.Map() {
			name := op.Name() + " " + status
			if _, ok := w.seen[name]; !ok && !strings.HasSuffix(name, " 500") && !strings.HasSuffix(name, " 503") {
				missing[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(missing))
}
