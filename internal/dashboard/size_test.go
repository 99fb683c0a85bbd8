package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

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

// No page is larger than 100 KB, however long its lists are and whatever is in them.
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
		w.figures.entries = append(w.figures.entries, audit.Entry{
			ID: int64(i), Action: "machine.update", Target: string(to.ID),
			Actor: m2m.Actor{Kind: m2m.MachineHolder, Machine: to.ID, Address: "2001:db8:1111:2222:3333:4444:5555:6666", Session: "0123456789"},
		})
	}
	w.figures.total = 10_000
	w.tokens.living = tokens.CountedLiving
	w.tokens.sight = &tokens.Sight{
		Record:      m2m.Record{Grant: m2m.Grant{ID: aToken, Machine: orders, Scopes: m.Scopes}, Format: m2m.JWT, KeyID: kidActive},
		MachineName: m.Name, MachineLives: true,
	}
	const bound = 100_000
	var had []string
	for _, id := range m.Scopes {
		had = append(had, string(id))
	}
	found := w.send(http.MethodPost, scopesPath, url.Values{"scope": had, "had": had, "find": {"a"}, "search": {"1"}}, signedIn, sameOrigin)
	if n := found.Body.Len(); n > bound || !strings.Contains(found.Body.String(), "…</bdi>") {
		t.Errorf("a search for scopes: %d, %d bytes", found.Code, n)
	}
	for _, route := range append(w.everyRoute(), [2]string{http.MethodGet, Root + "/graph?machine=" + orders}, [2]string{http.MethodGet, Root + "/graph?q=a"}) {
		if route[0] != http.MethodGet || strings.Contains(route[1], ".csv") {
			continue
		}
		out := w.send(http.MethodGet, route[1], nil, signedIn)
		if n := out.Body.Len(); n > bound || out.Code >= http.StatusInternalServerError {
			t.Errorf("%s: %d, %d bytes", route[1], out.Code, n)
		} else {
			t.Logf("%s: %d bytes", route[1], n)
		}
		if slices.Contains([]string{machinesPath, scopesPath, machinePath(orders), graphPath}, route[1]) && !strings.Contains(out.Body.String(), "…</bdi>") {
			t.Errorf("%s: no long name is on the page", route[1])
		}
	}
}
