package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func machinePagePromises() []promise {
	return []promise{
		{"MachinePagesCoverEverythingOnceInBothDirections", machinePagesCoverEverything},
		{"MachinePageKeepsItsPlaceWhenMachinesGo", machinePageKeepsItsPlace},
		{"MachinePageCountsLivingScopes", machinePageCountsLivingScopes},
		{"CallersOfAreTheLivingOnesByName", callersOfAreTheLivingOnes},
		{"ChangedScopesAreOneTransaction", changedScopesAreOneTransaction},
		{"ChangedScopesStayWithinTheMost", changedScopesStayWithinTheMost},
	}
}

// walk reads a whole list page by page, forwards and back, and gives both.
func walk(t *testing.T, s Stores, q machines.PageQuery) (forth, back []m2m.MachineID) {
	t.Helper()
	for page := range 100 {
		got, err := s.MachinePage(t.Context(), q)
		must(t, err)
		if got.Previous != (page > 0) || len(got.Machines) > q.Limit {
			t.Fatalf("page %d: %d machines, previous %t", page, len(got.Machines), got.Previous)
		}
		for _, m := range got.Machines {
			forth = append(forth, m.ID)
		}
		if !got.Next {
			break
		}
		q.From = got.Machines[len(got.Machines)-1].ID
	}
	if len(forth) == 0 {
		return forth, back
	}
	back = []m2m.MachineID{forth[len(forth)-1]}
	q.From, q.Back = back[0], true
	for more := true; more; {
		got, err := s.MachinePage(t.Context(), q)
		must(t, err)
		var ids []m2m.MachineID
		for _, m := range got.Machines {
			ids = append(ids, m.ID)
		}
		if !got.Next && len(ids) > 0 {
			t.Fatal("nothing follows a page that ends before another")
		}
		back = append(ids, back...)
		more = got.Previous && len(back) <= len(forth)
		q.From = back[0]
	}
	return forth, back
}

func machinePagesCoverEverything(t *testing.T, s Stores) {
	t.Helper()
	for i, name := range append(awkwardNames(), "same", "same", "same", "same", "same") {
		m := aMachine(name)
		m.CreatedAt = moment(i % 4) // many ties
		created(t, s, m)
	}
	for _, text := range []string{"", "a", "same", "%", "nobody at all"} {
		for _, order := range []machines.Query{{}, {Asc: true}, {ByName: true}, {ByName: true, Asc: true}} {
			order.Text, order.Limit = text, 500
			all, _, err := s.Machines(t.Context(), order)
			must(t, err)
			var want []m2m.MachineID
			for _, m := range all {
				want = append(want, m.ID)
			}
			for _, limit := range []int{1, 3, 100} {
				forth, back := walk(t, s, machines.PageQuery{Text: text, ByName: order.ByName, Asc: order.Asc, Limit: limit})
				if !slices.Equal(forth, want) || !slices.Equal(back, want) {
					t.Errorf("%q, %+v, pages of %d: %d forth, %d back, want %d", text, order, limit, len(forth), len(back), len(want))
				}
			}
		}
	}
	for _, text := range []string{"\x00", "\xff"} { // R56
		if got, err := s.MachinePage(t.Context(), machines.PageQuery{Text: text, Limit: 5}); err != nil || len(got.Machines) != 0 {
			t.Errorf("query %q: %v, %v", text, got, err)
		}
	}
	if got, err := s.MachinePage(t.Context(), machines.PageQuery{From: newMachineID(), Limit: 5}); err != nil || len(got.Machines) != 0 {
		t.Errorf("behind nobody: %v, %v", got, err)
	}
}

func machinePageKeepsItsPlace(t *testing.T, s Stores) {
	t.Helper()
	var ids []m2m.MachineID
	for i := range 6 {
		ids = append(ids, machine(t, s, numbered("m", i)))
	}
	must(t, s.DeleteMachine(t.Context(), admin(), ids[1], moment(9))) // the one that the next page begins behind
	got, err := s.MachinePage(t.Context(), machines.PageQuery{ByName: true, Asc: true, Limit: 2, From: ids[1]})
	must(t, err)
	if len(got.Machines) != 2 || got.Machines[0].ID != ids[2] || got.Machines[1].ID != ids[3] || !got.Next || !got.Previous {
		t.Errorf("behind a deleted machine: %+v", got)
	}
}

func machinePageCountsLivingScopes(t *testing.T, s Stores) {
	t.Helper()
	b, c := machine(t, s, "b"), machine(t, s, "c")
	a := machine(t, s, "a", b, c)
	gone := machine(t, s, "gone", b)
	must(t, s.AddScope(t.Context(), admin(), a, gone, moment(1)))
	must(t, s.DeleteMachine(t.Context(), admin(), gone, moment(2)))
	got, err := s.MachinePage(t.Context(), machines.PageQuery{ByName: true, Asc: true, Limit: 9})
	must(t, err)
	var said []string
	for _, m := range got.Machines {
		said = append(said, fmt.Sprintf("%s %d %d", m.Name, m.MayCall, m.MayBeCalled))
	}
	if want := []string{"a 2 0", "b 0 1", "c 0 1"}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
}

func callersOfAreTheLivingOnes(t *testing.T, s Stores) {
	t.Helper()
	b := machine(t, s, "b")
	gone := machine(t, s, "gone", b)
	for _, name := range []string{"z", "a", "m"} {
		machine(t, s, name, b)
	}
	must(t, s.DeleteMachine(t.Context(), admin(), gone, moment(2)))
	for limit, want := range map[int]string{9: "a m z", 2: "a m", 0: ""} {
		got, err := s.CallersOf(t.Context(), b, limit)
		must(t, err)
		var said []string
		for _, m := range got {
			said = append(said, m.Name)
		}
		if strings.Join(said, " ") != want {
			t.Errorf("at most %d: %q, want %q", limit, said, want)
		}
	}
}

// R63
func changedScopesAreOneTransaction(t *testing.T, s Stores) {
	t.Helper()
	ctx := t.Context()
	b, c, d := machine(t, s, "b"), machine(t, s, "c"), machine(t, s, "d")
	a := machine(t, s, "a", b, c)
	must(t, s.ChangeScopes(ctx, admin(), a, m2m.Scopes{c, d}, m2m.Scopes{b, newMachineID()}, moment(3)))
	if got := found(t, s, a).Scopes; !slices.Equal(got, m2m.Scopes{c, d}) {
		t.Errorf("scopes %v", got)
	}
	var said []string
	entries, err := s.AuditEntries(ctx, audit.Query{Target: string(a), Limit: 9})
	must(t, err)
	for _, e := range entries {
		said = append(said, e.Action+" "+e.Details["to_machine_id"])
	}
	if want := []string{"scope.add " + string(d), "scope.remove " + string(b), "machine.create "}; !slices.Equal(said, want) {
		t.Errorf("audit %q", said)
	}

	err = s.ChangeScopes(ctx, admin(), a, m2m.Scopes{b, newMachineID()}, m2m.Scopes{c}, moment(4))
	wantsField(t, "a machine that does not live", err, "scoped_machines", m2m.NoSuchThing)
	if got := found(t, s, a).Scopes; !slices.Equal(got, m2m.Scopes{c, d}) {
		t.Errorf("a refused change left %v", got)
	}
	must(t, s.DeleteMachine(ctx, admin(), a, moment(5)))
	wants(t, "of a deleted machine", s.ChangeScopes(ctx, admin(), a, m2m.Scopes{b}, nil, moment(6)), m2m.ErrMachineNotFound)
}

// R14
func changedScopesStayWithinTheMost(t *testing.T, s Stores) {
	t.Helper()
	a := machine(t, s, "a")
	var all m2m.Scopes
	for i := range m2m.MaxScopes + 1 {
		all = append(all, machine(t, s, numbered("m", i)))
	}
	must(t, s.ChangeScopes(t.Context(), admin(), a, all[1:], nil, moment(1)))
	err := s.ChangeScopes(t.Context(), admin(), a, all[:1], nil, moment(2))
	wantsField(t, "one more", err, "scoped_machines", m2m.WrongValue)
	must(t, s.ChangeScopes(t.Context(), admin(), a, all[:1], all[1:2], moment(3)))
	if got := found(t, s, a).Scopes; len(got) != m2m.MaxScopes || errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("%d scopes", len(got))
	}
}
