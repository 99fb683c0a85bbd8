package dashboard

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

const (
	graphPath    = Root + "/graph"
	sectionGraph = "Graph"
	allEdges     = 60 // as many as are shown whole; of more, only the busiest
	someEdges    = 40
	sideEdges    = 20 // to each side of a chosen machine
	foundShown   = 8
)

// Graph tells who may call whom. Errors are those of *machines.Service.
type Graph interface {
	ScopeEdges(ctx context.Context, limit int) (machines.Edges, error)
	BusyEdges(ctx context.Context, from, until time.Time, limit int) (machines.Edges, error)
	Around(ctx context.Context, id string, from, until time.Time, limit int) (m machines.Detail, calls, callers machines.Edges, err error)
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
	from, until := lastHour(d.Now())
	v := graphView{Find: x.query("q"), Since: from.Format("15:04")}
	var err error
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
		err = d.aroundMachine(x, &v, id, from, until)
	} else {
		err = d.wholeGraph(x, &v, from, until)
	}
	if err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "graph", Title: "Who may call whom", Section: sectionGraph, Body: v})
}

// aroundMachine draws one machine between those that call it and those it calls.
func (d *dashboard) aroundMachine(x *exchange, v *graphView, id string, from, until time.Time) error {
	m, calls, callers, err := d.Graph.Around(x.ctx(), id, from, until, sideEdges)
	if err != nil {
		return err
	}
	v.Chosen, v.MoreCalls, v.MoreCallers = &m.Machine, calls.More, callers.More
	v.Edges = slices.Concat(callers.Edges, calls.Edges)
	v.Picture = drawAround(machines.End{ID: m.ID, Name: m.Name}, calls.Edges, callers.Edges)
	return nil
}

// wholeGraph draws every scope if they are few. Of many it draws those on which the most was verified in the last hour, and if there was
// nothing, the first ones by name.
func (d *dashboard) wholeGraph(x *exchange, v *graphView, from, until time.Time) error {
	scopes, err := d.Graph.ScopeEdges(x.ctx(), allEdges)
	if err != nil {
		return err
	}
	busy, err := d.Graph.BusyEdges(x.ctx(), from, until, someEdges)
	if err != nil {
		return err
	}
	v.Whole = !scopes.More
	v.Edges = busy.Edges
	if v.Whole || len(v.Edges) < someEdges {
		v.Edges = withScopes(busy.Edges, scopes.Edges)
	}
	if !v.Whole {
		v.Edges = v.Edges[:min(len(v.Edges), someEdges)]
	}
	v.Picture = drawEdges(v.Edges)
	if v.Whole && v.Total <= allEdges {
		return d.findAlone(x, v)
	}
	return nil
}

// findAlone finds the machines that have no edge.
func (d *dashboard) findAlone(x *exchange, v *graphView) error {
	all, err := d.Machines.Page(x.ctx(), machines.PageQuery{ByName: true, Asc: true, Limit: allEdges})
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

// withScopes adds to busy edges the scopes on which nothing happened.
func withScopes(busy, scopes []machines.Edge) []machines.Edge {
	out := slices.Clone(busy)
	for _, s := range scopes {
		if !slices.ContainsFunc(busy, func(e machines.Edge) bool { return e.From.ID == s.From.ID && e.To.ID == s.To.ID }) {
			out = append(out, s)
		}
	}
	return out
}

// lastHour is the hour under way and the one before it: what is counted is counted by the hour.
func lastHour(now time.Time) (from, until time.Time) {
	hour := now.UTC().Truncate(time.Hour)
	return hour.Add(-time.Hour), hour.Add(time.Hour)
}
