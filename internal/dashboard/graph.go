package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/usage"
)

const (
	graphPath    = Root + "/graph"
	sectionGraph = "Graph"
	allEdges     = 40 // as many as are shown; of more, only the busiest
	aloneShown   = 60 // machines of which it is said who has no scope
	sideEdges    = 20 // to each side of a chosen machine
	foundShown   = 8
)

// Graph tells who may call whom. Errors are those of *machines.Service.
type Graph interface {
	ScopeEdges(ctx context.Context, limit int) (machines.Edges, error)
	EdgesOf(ctx context.Context, pairs []machines.Pair) ([]machines.Edge, error)
	Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]machines.End, error)
	List(ctx context.Context, q machines.Query) ([]machines.Detail, int64, error)
}

func (d *dashboard) graphRoutes(r routes) { r.get("/graph", d.graphPage) }

// graphView is the page of the scope graph: all of it, its busiest part, or the neighbourhood of one machine.
type graphView struct {
	Chosen                 *m2m.Machine
	Find                   string
	Found                  []m2m.Machine
	MoreFound              bool
	Total                  int64 // machines
	Whole                  bool  // every scope is shown
	Since                  string
	Picture                picture
	Edges                  []machines.Edge
	MoreCalls, MoreCallers bool          // than are shown around the chosen machine
	Alone                  []m2m.Machine // machines without any scope, where all is shown
}

func (d *dashboard) graphPage(x *exchange) error {
	traffic, since, err := d.Ledger.LastHour(x.ctx())
	if err != nil {
		return err
	}
	v := graphView{Find: x.search("q"), Since: since.Format("15:04")}
	if _, v.Total, err = d.Graph.List(x.ctx(), machines.Query{Limit: 1}); err != nil {
		return err
	}
	if v.Find != "" {
		found, err := d.Machines.Page(x.ctx(), machines.PageQuery{Text: v.Find, ByName: true, Asc: true, Limit: foundShown})
		if err != nil {
			return err
		}
		for _, m := range found.Machines {
			v.Found = append(v.Found, m.Machine)
		}
		v.MoreFound = found.Next
	}
	if id := x.query("machine"); id != "" {
		err = d.aroundMachine(x, &v, id, traffic)
	} else {
		err = d.wholeGraph(x, &v, traffic)
	}
	if err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "graph", Title: "Who may call whom", Section: sectionGraph, Body: v})
}

// aroundMachine draws one machine between those that call it and those it calls: the busiest, then by name.
func (d *dashboard) aroundMachine(x *exchange, v *graphView, id string, traffic []usage.Traffic) error {
	m, err := d.Machines.Get(x.ctx(), id)
	if err != nil {
		return err
	}
	known, err := d.Machines.CallersOf(x.ctx(), id, sideEdges+1)
	if err != nil {
		return err
	}
	var calls, callers []machines.Pair
	for _, t := range traffic {
		if t.Machine == m.ID {
			calls = append(calls, machines.Pair{From: m.ID, To: t.Receiver})
		}
		if t.Receiver == m.ID {
			callers = append(callers, machines.Pair{From: t.Machine, To: m.ID})
		}
	}
	for _, to := range sortedByName(m.Scoped) {
		calls = append(calls, machines.Pair{From: m.ID, To: to.ID})
	}
	for _, from := range known {
		callers = append(callers, machines.Pair{From: from.ID, To: m.ID})
	}
	calls, v.MoreCalls = firstPairs(calls, sideEdges)
	callers, v.MoreCallers = firstPairs(callers, sideEdges)
	edges, err := d.loadedEdges(x, append(slices.Clone(callers), calls...), traffic)
	if err != nil {
		return err
	}
	v.Chosen, v.Edges = &m.Machine, edges
	v.Picture = drawAround(machines.End{ID: m.ID, Name: m.Name}, edges[len(callers):], edges[:len(callers)])
	return nil
}

func sortedByName(list []m2m.Machine) []m2m.Machine {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b m2m.Machine) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

// firstPairs gives the first few different pairs, and tells whether there are more.
func firstPairs(pairs []machines.Pair, few int) ([]machines.Pair, bool) {
	seen := map[machines.Pair]bool{}
	var out []machines.Pair
	for _, p := range pairs {
		if seen[p] {
			continue
		}
		if len(out) == few {
			return out, true
		}
		seen[p] = true
		out = append(out, p)
	}
	return out, false
}

// loadedEdges finds names and scopes of pairs, and puts what was verified beside them.
func (d *dashboard) loadedEdges(x *exchange, pairs []machines.Pair, traffic []usage.Traffic) ([]machines.Edge, error) {
	edges, err := d.Graph.EdgesOf(x.ctx(), pairs)
	if err != nil {
		return nil, err
	}
	at := make(map[machines.Pair]int, len(pairs))
	for i, p := range pairs {
		at[p] = i
	}
	for _, t := range traffic {
		if i, ours := at[machines.Pair{From: t.Machine, To: t.Receiver}]; ours {
			edges[i].Verified = t.Verified
		}
	}
	return edges, nil
}

// wholeGraph draws every scope if they are few. Of many it draws those on which the most was verified in the last hour, and for want of
// those the first ones by name.
func (d *dashboard) wholeGraph(x *exchange, v *graphView, traffic []usage.Traffic) error {
	scopes, err := d.Graph.ScopeEdges(x.ctx(), allEdges)
	if err != nil {
		return err
	}
	var pairs []machines.Pair
	for _, t := range traffic[:min(len(traffic), allEdges)] {
		pairs = append(pairs, machines.Pair{From: t.Machine, To: t.Receiver})
	}
	for _, e := range scopes.Edges {
		pairs = append(pairs, machines.Pair{From: e.From.ID, To: e.To.ID})
	}
	pairs, more := firstPairs(pairs, allEdges)
	v.Whole = !scopes.More && !more
	if v.Edges, err = d.loadedEdges(x, pairs, traffic); err != nil {
		return err
	}
	v.Picture = drawEdges(v.Edges)
	if v.Whole && v.Total <= aloneShown {
		return d.findAlone(x, v)
	}
	return nil
}

// findAlone finds the machines that have no edge.
func (d *dashboard) findAlone(x *exchange, v *graphView) error {
	all, err := d.Machines.Page(x.ctx(), machines.PageQuery{ByName: true, Asc: true, Limit: aloneShown})
	if err != nil {
		return err
	}
	for _, m := range all.Machines {
		if !slices.ContainsFunc(v.Edges, func(e machines.Edge) bool { return e.From.ID == m.ID || e.To.ID == m.ID }) {
			v.Alone = append(v.Alone, m.Machine)
		}
	}
	return nil
}
