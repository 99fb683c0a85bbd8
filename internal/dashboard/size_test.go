package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

// crowded is a register in which every list is as long as it gets, of names that are as long in HTML as names get.
type crowded struct{ *fakeMachines }

func longNamed(n int) m2m.Machine {
	return m2m.Machine{ID: m2m.MachineID(fmt.Sprintf("mch_%027d", n+10)), Name: strings.Repeat(`"`, 250) + fmt.Sprint(n)}
}

func longNamedMany(n int) []m2m.Machine {
	out := make([]m2m.Machine, n)
	for i := range out {
		out[i] = longNamed(i)
	}
	return out
}

func (crowded) Page(_ context.Context, q machines.PageQuery) (machines.Page, error) {
	out := machines.Page{Previous: true, Next: true}
	for _, m := range longNamedMany(q.Limit) {
		out.Machines = append(out.Machines, machines.Summary{Machine: m, MayCall: 150, MayBeCalled: 10_000})
	}
	return out, nil
}

func (crowded) CallersOf(_ context.Context, _ string, limit int) ([]m2m.Machine, error) {
	return longNamedMany(limit), nil
}

// No page is larger than 100 KB, however long its lists are and whatever is in them. What somebody pastes into a form that is refused comes
// on top.
func TestNoPageIsLargerThanItsBound(t *testing.T) {
	w := newWorld(t, local, func(d *Deps) {
		f, is := d.Machines.(*fakeMachines)
		if !is {
			t.Fatal("other fakes")
		}
		d.Machines = crowded{f}
	})
	m := &w.machines.machine
	m.Name = strings.Repeat(`"`, 255)
	m.Scoped = longNamedMany(m2m.MaxScopes)
	long := strings.Repeat(`"`, 255)
	w.figures.ends = map[m2m.MachineID]machines.End{orders: {ID: orders, Name: m.Name}}
	here := w.figures.ends[orders]
	for i, to := range m.Scoped {
		end := machines.End{ID: to.ID, Name: to.Name}
		m.Scopes, w.figures.ends[to.ID] = append(m.Scopes, to.ID), end
		w.figures.busy.Edges = append(w.figures.busy.Edges, machines.Edge{From: here, To: end, Scope: true, Verified: 1 << 40})
		from := machines.End{ID: m2m.MachineID(fmt.Sprintf("mch_9%026d", i)), Name: to.Name}
		w.figures.busy.Edges = append(w.figures.busy.Edges, machines.Edge{From: from, To: end, Verified: 1 << 40}, machines.Edge{From: from, To: here, Verified: 1 << 40})
		if i < usageTop {
			w.figures.statement.Machines = append(w.figures.statement.Machines, usage.MachineOf{Machine: to.ID})
			w.figures.statement.Pairs = append(w.figures.statement.Pairs, usage.PairOf{Machine: to.ID, Receiver: orders})
		}
		if i < allEdges { // not the ones on which something was verified
			w.figures.scopes.Edges = append(w.figures.scopes.Edges, machines.Edge{From: end, To: here, Scope: true})
		}
		w.figures.entries = append(w.figures.entries, audit.Entry{
			ID: int64(i), Action: "machine.update", Target: string(to.ID),
			Details: map[string]string{"name": long, "revocation_reason": long, "machine_id": string(to.ID)},
			Actor:   m2m.Actor{Kind: m2m.MachineHolder, Machine: to.ID, Address: "2001:db8:1111:2222:3333:4444:5555:6666", Session: "0123456789"},
		})
	}
	for at := range 31 * 24 {
		hour := usage.HourOf{Start: time.Date(2026, 5, 1, at, 0, 0, 0, time.UTC)}
		hour.VerifiedOpaque.Usage, hour.VerifiedJWT.Usage = 1<<40, 1<<40
		w.figures.statement.Hours = append(w.figures.statement.Hours, hour)
	}
	w.figures.ring = ring(w.now, w.now)
	w.figures.total = 10_000
	w.tokens.living = tokens.CountedLiving
	w.tokens.sight = &tokens.Sight{
		Record:      m2m.Record{Grant: m2m.Grant{ID: aToken, Machine: orders, Scopes: m.Scopes}, Format: m2m.JWT, KeyID: kidActive, RevokedAt: w.now, RevocationReason: &long},
		MachineName: m.Name, MachineLives: true,
	}
	const bound = 100_000
	weigh := func(what string, out *httptest.ResponseRecorder) string {
		t.Helper()
		if n := out.Body.Len(); n > bound || out.Code >= http.StatusInternalServerError {
			t.Errorf("%s: %d, %d bytes", what, out.Code, n)
		} else {
			t.Logf("%s: %d bytes", what, n)
		}
		return out.Body.String()
	}
	var ids []string
	for n := range 400 {
		ids = append(ids, string(longNamed(n).ID))
		w.figures.ends[longNamed(n).ID] = machines.End{ID: longNamed(n).ID, Name: longNamed(n).Name}
	}
	found := weigh("a search for scopes", w.send(http.MethodPost, scopesPath,
		url.Values{"scope": ids, "had": ids[len(ids)-m2m.MaxScopes:], "find": {strings.Repeat(`"`, 5000)}, "search": {"1"}}, signedIn, sameOrigin))
	if !strings.Contains(found, "…&#34;") || !strings.Contains(found, "250 of those chosen anew had to be left out") || strings.Count(found, " checked>") != m2m.MaxScopes {
		t.Error("the search does not say what it left out")
	}
	for _, id := range ids[len(ids)-m2m.MaxScopes:] { // else the next Save would take it away
		if !strings.Contains(found, `name="scope" value="`+id+`" checked>`) {
			t.Errorf("the machine has %s, and the search lost it", id)
		}
	}
	w.sessions.notice = changeOfAll(m.Scopes)
	weigh("the machine after a change of all its scopes", w.send(http.MethodGet, machinePath(orders), nil, signedIn))
	quotes := url.QueryEscape(strings.Repeat(`"`, 4000))
	more := []string{
		graphPath + "?machine=" + orders, graphPath + "?q=a", graphPath + "?q=" + quotes, machinesPath + "?q=" + quotes,
		auditPath + "?target=" + quotes + "&address=" + quotes, keysPath + "/" + kidActive + "/compromise",
	}
	for _, path := range more {
		weigh(path[:min(len(path), 80)], w.send(http.MethodGet, path, nil, signedIn))
	}
	for _, route := range w.everyRoute() {
		if route[0] != http.MethodGet || strings.Contains(route[1], ".csv") {
			continue
		}
		body := weigh(route[1], w.send(http.MethodGet, route[1], nil, signedIn))
		if slices.Contains([]string{machinesPath, scopesPath, machinePath(orders), graphPath}, route[1]) && !strings.Contains(body, "…&#34;") {
			t.Errorf("%s: no long name is on the page", route[1])
		}
	}
}

// changeOfAll is the notice of a change of all scopes for others, as it waits in a session.
func changeOfAll(ids m2m.Scopes) string {
	n := notice{Text: "It was changed.", Undo: &undo{Label: "Change it back", Path: scopesPath}}
	for _, id := range ids {
		n.Undo.Fields = append(n.Undo.Fields, undoPair{"had", string(id)}, undoPair{"scope", string(id)})
	}
	text, _ := json.Marshal(n)
	return string(text)
}

// A name that is too long for a list keeps its end, which is often what tells it from another.
func TestNamesInListsKeepBothEnds(t *testing.T) {
	for name, want := range map[string]string{
		"orders": "orders", strings.Repeat("a", 36): strings.Repeat("a", 36),
		"production-eu-west-1-payments-settlement-blue":  "production-eu-west-1-pa…lement-blue",
		"production-eu-west-1-payments-settlement-green": "production-eu-west-1-pa…ement-green",
		strings.Repeat("名", 30):                          strings.Repeat("名", 11) + "…" + strings.Repeat("名", 11),
	} {
		if got := listed(name); got != want {
			t.Errorf("listed(%q) = %q, want %q", name, got, want)
		}
	}
	if got := firstLetters("äöü", 2); got != "äö" || firstLetters("äöü", 3) != "äöü" {
		t.Errorf("first letters: %q", got)
	}
}
