package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func graphPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("ScopesAreEdgesByName", func(t *testing.T) { scopesAreEdges(t, open) })
	t.Run("PairsAreNamedAndToldWhetherTheyAreScopes", func(t *testing.T) { pairsAreNamed(t, open) })
	t.Run("NamesAreFoundOfDeletedMachinesToo", func(t *testing.T) { namesAreFound(t, open) })
}

// graphWorld is a world whose machines have names.
type graphWorld struct{ *world }

func newGraph(t *testing.T, open OpenHot) graphWorld {
	t.Helper()
	return graphWorld{newWorld(t, open, m2m.Live)}
}

func (g graphWorld) named(name string, scopes ...m2m.MachineID) m2m.MachineID {
	id, _ := g.machine(scopes...)
	g.Exec("UPDATE machines SET name = ? WHERE id = ?", name, string(id))
	return id
}

// said writes edges so that they can be compared.
func said(edges []machines.Edge) []string {
	var out []string
	for _, e := range edges {
		line := e.From.Name + ">" + e.To.Name
		if e.Scope {
			line += " scope"
		}
		if e.From.Deleted {
			line += " from deleted"
		}
		if e.To.Deleted {
			line += " to deleted"
		}
		out = append(out, line)
	}
	return out
}

func scopesAreEdges(t *testing.T, open OpenHot) {
	t.Helper()
	g := newGraph(t, open)
	hub, gone := g.named("hub"), g.named("gone")
	a := g.named("a", hub, gone)
	g.named("b", hub, a)
	g.named("c", gone)
	g.remove(gone)
	g.remove(g.named("aa", hub))
	all := []string{"a>hub scope", "b>hub scope", "b>a scope"}
	for limit, more := range map[int]bool{2: true, 3: false, 9: false, 0: true} {
		got, err := g.ScopeEdges(t.Context(), limit)
		must(t, err)
		if want := all[:min(limit, 3)]; !slices.Equal(said(got.Edges), want) || got.More != more {
			t.Errorf("at most %d: %q, more %v; want %q, more %v", limit, said(got.Edges), got.More, want, more)
		}
	}
}

func pairsAreNamed(t *testing.T, open OpenHot) {
	t.Helper()
	g := newGraph(t, open)
	hub, gone := g.named("hub"), g.named("gone")
	a := g.named("a", hub, gone)
	g.remove(gone)
	got, err := g.EdgesOf(t.Context(), []machines.Pair{{From: hub, To: a}, {From: a, To: hub}, {From: a, To: gone}, {From: gone, To: a}, {From: a, To: "never"}})
	must(t, err)
	want := []string{"hub>a", "a>hub scope", "a>gone to deleted", "gone>a from deleted", "a>never to deleted"}
	if !slices.Equal(said(got), want) || got[1].From.ID != a || got[1].To.ID != hub {
		t.Errorf("%q, want %q", said(got), want)
	}
	if none, err := g.EdgesOf(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("of no pairs: %v, %v", none, err)
	}
}

func namesAreFound(t *testing.T, open OpenHot) {
	t.Helper()
	g := newGraph(t, open)
	lives, gone := g.named("lives"), g.named("gone")
	g.remove(gone)
	ids := []m2m.MachineID{lives, gone, "mch_000000000000000000000000000", "\x00"}
	for len(ids) < 3000 { // more than one statement takes
		ids = append(ids, m2m.MachineID(fmt.Sprintf("mch_%027d", len(ids))))
	}
	ends, err := g.Ends(t.Context(), ids)
	must(t, err)
	if len(ends) != 2 || ends[lives] != (machines.End{ID: lives, Name: "lives"}) || ends[gone] != (machines.End{ID: gone, Name: "gone", Deleted: true}) {
		t.Errorf("%+v", ends)
	}
}
