// Package access holds the real server to who may do what: the table of the security requirements, refusals that tell
// nothing, secrets that die on time, scopes that live, and a meter that counts what happened and nothing else.
package access

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
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
func onBoth(t *testing.T, test func(t *testing.T, w world), env ...string) {
	t.Helper()
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) { test(t, newWorld(t, s)) }, env...)
}

var formats = []string{"opaque", "jwt"}

// mint makes a token of a's in this format.
func (w world) mint(t *testing.T, format string) harness.Token {
	t.Helper()
	return w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format})
}

// refused fails the test unless the answer is the one refusal of a token.
func refused(t *testing.T, r harness.Reply, when string) {
	t.Helper()
	if r.Status != http.StatusNotFound || r.Fault(t).Code != "resource_not_found" {
		t.Errorf("%s: got %d %s, want the one refusal", when, r.Status, r.Body)
	}
}

// same fails the test unless two answers differ in nothing but trace id and date (R17).
func same(t *testing.T, what string, want, got harness.Reply) {
	t.Helper()
	if want.Status != got.Status {
		t.Errorf("%s: status %d, want %d: %s", what, got.Status, want.Status, got.Body)
		return
	}
	if w, g := untraced(t, want.Body), untraced(t, got.Body); !bytes.Equal(w, g) {
		t.Errorf("%s: body %s, want %s", what, g, w)
	}
	if w, g := lasting(want.Header), lasting(got.Header); !maps.EqualFunc(w, g, slices.Equal) {
		t.Errorf("%s: headers %v, want %v", what, g, w)
	}
}

// untraced is a body with its trace id blanked in place, so that lengths and the order of members still count.
func untraced(t *testing.T, body []byte) []byte {
	t.Helper()
	var v struct {
		TraceID string `json:"clerk_trace_id"`
	}
	if err := json.Unmarshal(body, &v); err != nil || v.TraceID == "" {
		t.Fatalf("no trace id in %s", body)
	}
	return bytes.ReplaceAll(body, []byte(v.TraceID), []byte("trace"))
}

// lasting are the headers that do not change from one answer to the next.
func lasting(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	h.Del("Clerk-Trace-Id")
	return h
}
