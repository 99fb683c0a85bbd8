package dashboard

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

// held is what keeps a name's letters to themselves: an element of its own, an attribute, a line of a picture.
var held = regexp.MustCompile(`(?s)<bdi>[^<]*</bdi>|="[^"]*"|<text [^>]*>(<title>[^<]*</title>)?[^<]*</text>|<textarea[^>]*>[^<]*</textarea>|<pre[^>]*>.*?</pre>`)

// R49: a name may be written in any direction, and changes that of nothing else on a page.
func TestNamesReorderNothingAroundThem(t *testing.T) {
	const turned = "orders\u202eelif.exe"
	w := newWorld(t, local)
	m := &w.machines.machine
	m.Name = turned
	other := m2m.Machine{ID: "mch_000000000000000000000000002", Name: turned + "2"}
	m.Scoped, m.Scopes = []m2m.Machine{other}, m2m.Scopes{other.ID}
	here, gone := machines.End{ID: orders, Name: turned}, machines.End{ID: other.ID, Name: other.Name, Deleted: true}
	w.figures.total, w.figures.scopes.Edges = 2, []machines.Edge{{From: here, To: gone, Scope: true, Verified: 3}}
	w.figures.ends = map[m2m.MachineID]machines.End{orders: here, other.ID: {ID: other.ID, Name: other.Name}}
	w.figures.statement.Machines = []usage.MachineOf{{Machine: orders}}
	w.figures.entries = []audit.Entry{{ID: 1, Action: "machine.update", Target: orders, Details: map[string]string{"name": turned}}}
	w.tokens.sight = &tokens.Sight{Record: m2m.Record{Grant: m2m.Grant{ID: "mt_1", Machine: orders, Scopes: m2m.Scopes{other.ID}}}, MachineName: turned, MachineLives: true}
	for _, route := range append(w.everyRoute(), [2]string{http.MethodGet, Root + "/graph?machine=" + orders}) {
		if route[0] != http.MethodGet || strings.Contains(route[1], ".csv") {
			continue
		}
		out := w.send(http.MethodGet, route[1], nil, signedIn)
		rest := held.ReplaceAllString(out.Body.String(), "")
		if at := strings.Index(rest, "\u202e"); at >= 0 {
			t.Errorf("%s: … %s …", route[1], rest[max(0, at-80):min(len(rest), at+20)])
		}
		if out.Code >= http.StatusInternalServerError {
			t.Errorf("%s: %d", route[1], out.Code)
		}
	}
	w.send(http.MethodPost, editPath, url.Values{"name": {turned + "3"}}, signedIn)
	if !strings.Contains(w.sessions.notice, "ordersel") || strings.Contains(strings.SplitAfter(w.sessions.notice, `"undo"`)[0], "\u202e") {
		t.Errorf("the notice: %s", w.sessions.notice)
	}
}

func TestANameStaysInItsElement(t *testing.T) {
	for name, want := range map[string]string{
		"orders": "orders", "\u05d0\u202eb": "\u05d0\u202eb", "a\u2069\u202eb": "a\u202eb", "a\u2067b": "a\u2067b\u2069", "a\u2066b\u2069\u2069c": "a\u2066b\u2069c",
		"\u2068\u2066": "\u2068\u2066\u2069\u2069", "a\u2029b": "a b",
	} {
		if got := closed(name); got != want {
			t.Errorf("closed(%q) = %q, want %q", name, got, want)
		}
	}
	if got := inline("“\u05d0\u202e\u2067\u2069\u200f\u061c\u2029b” was added"); got != "“\u05d0b” was added" {
		t.Errorf("inline: %q", got)
	}
}
