package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func graphPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("EdgesAreScopesAndWhatWasVerified", func(t *testing.T) { edgesTellBoth(t, open) })
	t.Run("EdgesAreBoundedAndTellThatThereAreMore", func(t *testing.T) { edgesAreBounded(t, open) })
	t.Run("NamesAreFoundOfDeletedMachinesToo", func(t *testing.T) { namesAreFound(t, open) })
}

// graphWorld is a world whose machines have names, and what was verified between them in two hours.
type graphWorld struct {
	*world
	names map[m2m.MachineID]string
	hour  time.Time
}

func newGraph(t *testing.T, open OpenHot) graphWorld {
	t.Helper()
	return graphWorld{newWorld(t, open, m2m.Live), map[m2m.MachineID]string{}, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
}

func (g graphWorld) named(name string, scopes ...m2m.MachineID) m2m.MachineID {
	id, _ := g.machine(scopes...)
	g.Exec("UPDATE machines SET name = ? WHERE id = ?", name, string(id))
	g.names[id] = name
	return id
}

func (g graphWorld) counted(hours int, from, to m2m.MachineID, op, format, writer string, n int) {
	g.Exec("INSERT INTO usage (hour, machine_id, receiver_id, operation, format, writer, count) VALUES "+values(1, 7),
		g.hour.Add(time.Duration(hours)*time.Hour).UnixMilli(), string(from), string(to), op, format, writer, n)
}

// say writes edges so that they can be compared.
func (g graphWorld) say(e machines.Edges, err error) []string {
	must(g.t.(*testing.T), err)
	var out []string
	for _, x := range e.Edges {
		line := fmt.Sprintf("%s>%s %d", x.From.Name, x.To.Name, x.Verified)
		if x.Scope {
			line += " scope"
		}
		if x.From.Deleted {
			line += " from deleted"
		}
		if x.To.Deleted {
			line += " to deleted"
		}
		if x.From.Name != g.names[x.From.ID] || x.To.Name != g.names[x.To.ID] {
			line += " names of others"
		}
		out = append(out, line)
	}
	if e.More {
		out = append(out, "more")
	}
	return out
}

func edgesTellBoth(t *testing.T, open OpenHot) {
	t.Helper()
	g := newGraph(t, open)
	hub := g.named("hub")
	gone := g.named("gone")
	a := g.named("a", hub, gone)
	b := g.named("b", hub, a)
	g.counted(0, a, hub, "verify", "opaque", "w1", 3)
	g.counted(0, a, hub, "verify", "opaque", "w2", 4)
	g.counted(1, a, hub, "verify", "jwt", "w1", 5)
	g.counted(1, b, hub, "verify", "jwt", "w1", 20)
	g.counted(1, hub, a, "verify", "jwt", "w1", 2) // without a scope
	g.counted(0, a, gone, "verify", "jwt", "w1", 1)
	g.counted(0, a, "", "verify", "jwt", "w1", 100) // the operator
	g.counted(0, a, "", "create", "jwt", "w1", 100)
	g.counted(2, a, hub, "verify", "jwt", "w1", 1000) // after the span
	g.counted(-1, a, hub, "verify", "jwt", "w1", 1000)
	g.remove(gone)
	from, until := g.hour, g.hour.Add(2*time.Hour)
	ctx := t.Context()
	for what, got := range map[string]struct{ got, want []string }{
		"scopes":    {g.say(g.ScopeEdges(ctx, 9)), []string{"a>hub 0 scope", "b>hub 0 scope", "b>a 0 scope"}},
		"busy":      {g.say(g.BusyEdges(ctx, from, until, 9)), []string{"b>hub 20 scope", "a>hub 12 scope", "hub>a 2", "a>gone 1 to deleted"}},
		"of a":      {g.say(g.EdgesFrom(ctx, a, from, until, 9)), []string{"a>hub 12 scope", "a>gone 1 to deleted"}},
		"of b":      {g.say(g.EdgesFrom(ctx, b, from, until, 9)), []string{"b>hub 20 scope", "b>a 0 scope"}},
		"to hub":    {g.say(g.EdgesTo(ctx, hub, from, until, 9)), []string{"b>hub 20 scope", "a>hub 12 scope"}},
		"to a":      {g.say(g.EdgesTo(ctx, a, from, until, 9)), []string{"hub>a 2", "b>a 0 scope"}},
		"of nobody": {g.say(g.EdgesFrom(ctx, "\x00", from, until, 9)), nil},
	} {
		if !slices.Equal(got.got, got.want) {
			t.Errorf("%s: %q, want %q", what, got.got, got.want)
		}
	}
}

func edgesAreBounded(t *testing.T, open OpenHot) {
	t.Helper()
	g := newGraph(t, open)
	hub := g.named("hub")
	for i := range 5 {
		id := g.named(numbered("caller", i), hub)
		g.counted(0, id, hub, "verify", "jwt", "w", i+1)
	}
	from, until := g.hour, g.hour.Add(time.Hour)
	ctx := t.Context()
	for what, got := range map[string]struct{ got, want []string }{
		"two scopes":  {g.say(g.ScopeEdges(ctx, 2)), []string{"caller 000>hub 0 scope", "caller 001>hub 0 scope", "more"}},
		"five scopes": {g.say(g.ScopeEdges(ctx, 5))[4:], []string{"caller 004>hub 0 scope"}},
		"two busy":    {g.say(g.BusyEdges(ctx, from, until, 2)), []string{"caller 004>hub 5 scope", "caller 003>hub 4 scope", "more"}},
		"two callers": {g.say(g.EdgesTo(ctx, hub, from, until, 2)), []string{"caller 004>hub 5 scope", "caller 003>hub 4 scope", "more"}},
		"none":        {g.say(g.BusyEdges(ctx, until, until.Add(time.Hour), 2)), nil},
	} {
		if !slices.Equal(got.got, got.want) {
			t.Errorf("%s: %q, want %q", what, got.got, got.want)
		}
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
