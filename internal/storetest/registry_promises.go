package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

func registryPromises() []promise {
	return []promise{
		{"MachineIsKeptAsItWasGiven", machineIsKeptAsItWasGiven},
		{"NamesHoldAnyText", namesHoldAnyText},
		{"MachineIDsAreNeverUsedAgain", machineIDsAreNeverUsedAgain},
		{"NewMachineNamesLivingReceiversOnly", newMachineNamesLivingReceiversOnly},
		{"UpdateKeepsEveryField", updateKeepsEveryField},
		{"RefusedUpdateChangesNothing", refusedUpdateChangesNothing},
		{"ConcurrentUpdatesAreAllKept", concurrentUpdatesAreAllKept},
		{"NothingOfADeletedMachineWorks", nothingOfADeletedMachineWorks},
		{"IDsThatCannotExistAreNotFound", idsThatCannotExistAreNotFound},
	}
}

func machineIsKeptAsItWasGiven(t *testing.T, s Stores) {
	t.Helper()
	b, a := machine(t, s, "b"), machine(t, s, "a")
	plain := aMachine("plain")
	full := aMachine("full", b, a) // neither by name nor by id nor by age
	full.Endless, full.DefaultTTL, full.DefaultFormat, full.PublicJWK = true, 0, m2m.JWT, []byte(`{"kty":"OKP"}`)
	full.CreatedAt, full.UpdatedAt = moment(1), moment(2)
	for _, m := range []m2m.Machine{plain, full} {
		want := machines.Detail{Machine: m, Scoped: []m2m.Machine{}}
		want.Scopes = m2m.Scopes{}
		for _, id := range m.Scopes {
			receiver := found(t, s, id).Machine
			receiver.Scopes = nil
			want.Scopes, want.Scoped = append(want.Scopes, id), append(want.Scoped, receiver)
		}
		answered, _ := created(t, s, m)
		if diff := cmp.Diff(want, answered); diff != "" {
			t.Error("create:", diff)
		}
		if diff := cmp.Diff(want, found(t, s, m.ID)); diff != "" {
			t.Error("find:", diff)
		}
	}
}

func namesHoldAnyText(t *testing.T, s Stores) {
	t.Helper()
	for _, name := range append(awkwardNames(), strings.Repeat("😀", m2m.MaxNameLength)) {
		if got := found(t, s, machine(t, s, name)).Name; got != name {
			t.Errorf("stored %q, read %q", name, got)
		}
	}
}

// R16, R66
func machineIDsAreNeverUsedAgain(t *testing.T, s Stores) {
	t.Helper()
	m := aMachine("first")
	created(t, s, m)
	again := func(what string) {
		_, err := s.CreateMachine(t.Context(), admin(), m, aSecret())
		wants(t, what, err, m2m.ErrConflict)
	}
	again("id of a living machine")
	must(t, s.DeleteMachine(t.Context(), admin(), m.ID, moment(1)))
	again("id of a deleted machine")
}

func newMachineNamesLivingReceiversOnly(t *testing.T, s Stores) {
	t.Helper()
	lives, dead := machine(t, s, "lives"), machine(t, s, "dead")
	must(t, s.DeleteMachine(t.Context(), admin(), dead, moment(1)))
	for what, m := range map[string]m2m.Machine{
		"unknown": aMachine("x", lives, newMachineID()),
		"deleted": aMachine("x", lives, dead),
	} {
		_, err := s.CreateMachine(t.Context(), admin(), m, aSecret())
		wantsField(t, what, err, "scoped_machines", m2m.NoSuchThing)
		_, err = s.Machine(t.Context(), m.ID)
		wants(t, "after the refusal", err, m2m.ErrMachineNotFound)
	}
	_, err := s.CreateMachine(t.Context(), admin(), aMachine("x", lives, lives), aSecret())
	wantsField(t, "named twice", err, "scoped_machines", m2m.WrongValue)
}

func updateKeepsEveryField(t *testing.T, s Stores) {
	t.Helper()
	receiver := machine(t, s, "receiver")
	m := aMachine("before", receiver)
	want, _ := created(t, s, m)
	for _, change := range []func(*m2m.Machine){
		func(m *m2m.Machine) { m.Name, m.UpdatedAt = "after", moment(7) },
		func(m *m2m.Machine) { m.Endless, m.DefaultTTL, m.DefaultFormat = true, 0, m2m.JWT },
		func(m *m2m.Machine) { m.PublicJWK = []byte(`{}`) },
		func(m *m2m.Machine) { m.Endless, m.DefaultTTL, m.PublicJWK = false, 90*time.Second, nil },
		func(*m2m.Machine) {},
	} {
		change(&want.Machine)
		answered, err := s.UpdateMachine(t.Context(), admin(), m.ID, func(m *m2m.Machine) error { change(m); return nil })
		must(t, err)
		if diff := cmp.Diff(want, answered); diff != "" {
			t.Error("update:", diff)
		}
		if diff := cmp.Diff(want, found(t, s, m.ID)); diff != "" {
			t.Error("find:", diff)
		}
	}
}

func refusedUpdateChangesNothing(t *testing.T, s Stores) {
	t.Helper()
	id := machine(t, s, "before")
	refusal := errors.New("no")
	_, err := s.UpdateMachine(t.Context(), admin(), id, func(m *m2m.Machine) error { m.Name = "after"; return refusal })
	if err != refusal { //nolint:errorlint // the promise is: as it is
		t.Errorf("got %v, want the very error", err)
	}
	if got := found(t, s, id).Name; got != "before" {
		t.Errorf("the name is %q", got)
	}
}

func concurrentUpdatesAreAllKept(t *testing.T, s Stores) {
	t.Helper()
	const n = 20
	id := machine(t, s, "x")
	errs := together(n, func(int) error {
		_, err := s.UpdateMachine(t.Context(), admin(), id, func(m *m2m.Machine) error { m.Name += "x"; return nil })
		return err
	})
	must(t, errors.Join(errs...))
	if got := found(t, s, id).Name; len(got) != n+1 {
		t.Errorf("of %d changes %d are left", n, len(got)-1)
	}
}

// R16
func nothingOfADeletedMachineWorks(t *testing.T, s Stores) {
	t.Helper()
	ctx, by := t.Context(), admin()
	dead, first := created(t, s, aMachine("dead"))
	other := machine(t, s, "other", dead.ID)
	second := aSecret()
	must(t, s.RotateSecret(ctx, by, dead.ID, second, time.Hour))
	must(t, s.DeleteMachine(ctx, by, dead.ID, moment(1)))

	if caller(t, s, first.Hash).Known() || caller(t, s, second.Hash).Known() {
		t.Error("a secret of it still works")
	}
	for what, act := range map[string]func() error{
		"find": func() error { _, err := s.Machine(ctx, dead.ID); return err },
		"update": func() error {
			_, err := s.UpdateMachine(ctx, by, dead.ID, func(*m2m.Machine) error { return nil })
			return err
		},
		"delete": func() error { return s.DeleteMachine(ctx, by, dead.ID, moment(2)) },
		"view":   func() error { _, err := s.ViewSecret(ctx, by, dead.ID); return err },
		"rotate": func() error { return s.RotateSecret(ctx, by, dead.ID, aSecret(), 0) },
		"from":   func() error { return s.AddScope(ctx, by, dead.ID, other, moment(2)) },
		"to":     func() error { return s.AddScope(ctx, by, other, dead.ID, moment(2)) },
		"remove": func() error { return s.RemoveScope(ctx, by, other, dead.ID) },
	} {
		wants(t, what, act(), m2m.ErrMachineNotFound)
	}
	if d := found(t, s, other); len(d.Scopes) != 0 || len(d.Scoped) != 0 {
		t.Errorf("it is still a scope of another: %v", d.Scopes)
	}
	for _, text := range []string{"", string(dead.ID), "dead"} {
		page, total, err := s.Machines(ctx, machines.Query{Text: text, Limit: 10})
		must(t, err)
		for _, d := range page {
			if d.ID == dead.ID || total != int64(len(page)) {
				t.Errorf("query %q lists it, or counts it: %d", text, total)
			}
		}
	}
}

// R56: what PostgreSQL cannot even be asked is not found, like anything else.
func idsThatCannotExistAreNotFound(t *testing.T, s Stores) {
	t.Helper()
	lives := machine(t, s, "lives")
	for _, id := range []m2m.MachineID{"", "x", "mch_\x00", "mch_\xff", m2m.MachineID(strings.Repeat("x", 5000)), "' OR '1'='1"} {
		_, err := s.Machine(t.Context(), id)
		wants(t, "find", err, m2m.ErrMachineNotFound)
		wants(t, "scope", s.AddScope(t.Context(), admin(), lives, id, moment(0)), m2m.ErrMachineNotFound)
		wants(t, "delete", s.DeleteMachine(t.Context(), admin(), id, moment(0)), m2m.ErrMachineNotFound)
	}
}
