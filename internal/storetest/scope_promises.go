package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
)

func scopePromises() []promise {
	return []promise{
		{"ScopesAreOneWay", scopesAreOneWay},
		{"ScopesKeepTheOrderInWhichTheyWereGiven", scopesKeepTheOrder},
		{"ScopeNamesLivingMachinesOnly", scopeNamesLivingMachinesOnly},
		{"OfManyEqualScopesOneIsAdded", ofManyEqualScopesOneIsAdded},
		{"OppositeScopesDoNotDeadlock", oppositeScopesDoNotDeadlock},
		{"AMachineNeverHasMoreThan150Scopes", aMachineNeverHasMoreThan150Scopes},
	}
}

// R14
func scopesAreOneWay(t *testing.T, s Stores) {
	t.Helper()
	a, b := machine(t, s, "a"), machine(t, s, "b")
	must(t, s.AddScope(t.Context(), admin(), a, b, moment(1)))
	if got := found(t, s, a).Scopes; !slices.Equal(got, m2m.Scopes{b}) {
		t.Errorf("a may call %v", got)
	}
	if got := found(t, s, b).Scopes; len(got) != 0 {
		t.Errorf("b may call %v", got)
	}
	wants(t, "the same again", s.AddScope(t.Context(), admin(), a, b, moment(2)), m2m.ErrConflict)
	wants(t, "removing the other way", s.RemoveScope(t.Context(), admin(), b, a), m2m.ErrNotFound)
	must(t, s.AddScope(t.Context(), admin(), a, a, moment(2))) // itself is a machine like any other
	must(t, s.RemoveScope(t.Context(), admin(), a, b))
	wants(t, "removing twice", s.RemoveScope(t.Context(), admin(), a, b), m2m.ErrNotFound)
	if got := found(t, s, a).Scopes; !slices.Equal(got, m2m.Scopes{a}) {
		t.Errorf("a may call %v", got)
	}
}

func scopesKeepTheOrder(t *testing.T, s Stores) {
	t.Helper()
	var given m2m.Scopes
	for i := range 6 {
		given = append(given, machine(t, s, numbered("receiver", i)))
	}
	slices.Reverse(given)
	a := machine(t, s, "a", given[:3]...)
	for _, to := range given[3:] {
		must(t, s.AddScope(t.Context(), admin(), a, to, moment(0))) // all in one millisecond
	}
	must(t, s.RemoveScope(t.Context(), admin(), a, given[0]))
	must(t, s.AddScope(t.Context(), admin(), a, given[0], moment(0)))
	want := append(slices.Clone(given[1:]), given[0])
	d := found(t, s, a)
	if !slices.Equal(d.Scopes, want) {
		t.Errorf("got %v, want %v", d.Scopes, want)
	}
	for i, m := range d.Scoped {
		if m.ID != want[i] || len(m.Scopes) != 0 {
			t.Errorf("place %d: %v", i, m)
		}
	}
}

func scopeNamesLivingMachinesOnly(t *testing.T, s Stores) {
	t.Helper()
	a := machine(t, s, "a")
	wants(t, "to nobody", s.AddScope(t.Context(), admin(), a, newMachineID(), moment(1)), m2m.ErrMachineNotFound)
	wants(t, "from nobody", s.AddScope(t.Context(), admin(), newMachineID(), a, moment(1)), m2m.ErrMachineNotFound)
	wants(t, "remove to nobody", s.RemoveScope(t.Context(), admin(), a, newMachineID()), m2m.ErrMachineNotFound)
	wants(t, "remove from nobody", s.RemoveScope(t.Context(), admin(), newMachineID(), a), m2m.ErrMachineNotFound)
}

// R14, R66
func ofManyEqualScopesOneIsAdded(t *testing.T, s Stores) {
	t.Helper()
	a, b := machine(t, s, "a"), machine(t, s, "b")
	errs := together(10, func(int) error { return s.AddScope(t.Context(), admin(), a, b, moment(1)) })
	counts := tally(t, errs, m2m.ErrConflict)
	if counts[nil] != 1 || counts[m2m.ErrConflict] != 9 {
		t.Errorf("of ten: %v", counts)
	}
}

func oppositeScopesDoNotDeadlock(t *testing.T, s Stores) {
	t.Helper()
	a, b := machine(t, s, "a"), machine(t, s, "b")
	for range 10 {
		errs := together(2, func(i int) error {
			from, to := a, b
			if i == 1 {
				from, to = b, a
			}
			return errors.Join(
				s.AddScope(t.Context(), admin(), from, to, moment(1)), s.RemoveScope(t.Context(), admin(), from, to),
			)
		})
		must(t, errors.Join(errs...))
	}
}

// R14: only living receivers count.
func aMachineNeverHasMoreThan150Scopes(t *testing.T, s Stores) {
	t.Helper()
	const asked = 200
	receivers := make([]m2m.MachineID, asked)
	must(t, errors.Join(together(asked, func(i int) error {
		m := aMachine(numbered("receiver", i))
		receivers[i] = m.ID
		_, err := s.CreateMachine(t.Context(), admin(), m, aSecret())
		return err
	})...))
	a := machine(t, s, "a")
	added, refused := 0, 0
	for _, err := range together(asked, func(i int) error { return s.AddScope(t.Context(), admin(), a, receivers[i], moment(1)) }) {
		if err == nil {
			added++
			continue
		}
		refused++
		wantsField(t, "one too many", err, "to_machine_id", m2m.WrongValue)
	}
	scopes := found(t, s, a).Scopes
	if added != m2m.MaxScopes || refused != asked-m2m.MaxScopes || len(scopes) != m2m.MaxScopes {
		t.Fatalf("added %d, refused %d, there are %d", added, refused, len(scopes))
	}
	outside := receivers[slices.IndexFunc(receivers, func(id m2m.MachineID) bool { return !scopes.Has(id) })]
	must(t, s.DeleteMachine(t.Context(), admin(), scopes[0], moment(2)))
	must(t, s.AddScope(t.Context(), admin(), a, outside, moment(2)))
	err := s.AddScope(t.Context(), admin(), a, a, moment(3))
	wantsField(t, "full again", err, "to_machine_id", m2m.WrongValue)
	_, err = s.CreateMachine(t.Context(), admin(), aMachine("b", receivers[:m2m.MaxScopes+1]...), aSecret())
	wantsField(t, "created with too many", err, "scoped_machines", m2m.WrongValue)
}
