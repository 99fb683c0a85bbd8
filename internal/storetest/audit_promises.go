package storetest

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
)

func auditPromises() []promise {
	return []promise{
		{"EveryChangeOfAMachineIsAudited", everyChangeOfAMachineIsAudited},
		{"RefusedChangesAreNotAudited", refusedChangesAreNotAudited},
		{"ChangeByNobodyIsRefused", changeByNobodyIsRefused},
		{"AuditPagesAndFilters", auditPagesAndFilters},
		{"AuditTellsWhoFromWhereAndWhen", auditTellsWho},
		{"AuditTakesAnyAddress", auditTakesAnyAddress},
	}
}

// wantsAudit compares the whole audit log, oldest first, without ids and times.
func wantsAudit(t *testing.T, s Stores, want ...audit.Entry) {
	t.Helper()
	got, err := s.AuditEntries(t.Context(), audit.Query{Limit: 1000})
	must(t, err)
	slices.Reverse(got)
	ignore := cmpopts.IgnoreFields(audit.Entry{}, "ID", "At")
	if diff := cmp.Diff(want, got, ignore, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// R63
func everyChangeOfAMachineIsAudited(t *testing.T, s Stores) {
	t.Helper()
	ctx := t.Context()
	by := m2m.Actor{Kind: m2m.MachineHolder, Machine: newMachineID(), Address: "2001:db8::1", TraceID: "t1"}
	begin := time.Now() //nolint:forbidigo // the database's clock is compared with it
	receiver := machine(t, s, "receiver")
	a := aMachine("a", receiver)
	_, err := s.CreateMachine(ctx, by, a, aSecret())
	must(t, err)
	_, err = s.UpdateMachine(ctx, by, a.ID, func(m *m2m.Machine) error {
		m.Name, m.Endless, m.DefaultFormat, m.PublicJWK = "b", true, m2m.JWT, []byte(`{"x":"public"}`)
		return nil
	})
	must(t, err)
	must(t, s.RemoveScope(ctx, by, a.ID, receiver))
	must(t, s.AddScope(ctx, by, a.ID, receiver, moment(1)))
	must(t, s.RotateSecret(ctx, by, a.ID, aSecret(), time.Minute))
	_, err = s.ViewSecret(ctx, by, a.ID)
	must(t, err)
	must(t, s.DeleteMachine(ctx, by, a.ID, moment(2)))

	id, to := string(a.ID), map[string]string{"to_machine_id": string(receiver)}
	wantsAudit(
		t, s,
		audit.Entry{Actor: admin(), Action: "machine.create", Target: string(receiver), Details: map[string]string{"name": "receiver"}},
		audit.Entry{Actor: by, Action: "machine.create", Target: id, Details: map[string]string{"name": "a", "scoped_machines": string(receiver)}},
		audit.Entry{Actor: by, Action: "machine.update", Target: id, Details: map[string]string{
			"name": "b", "default_token_ttl": "null", "default_token_format": "jwt", "public_jwk": "set",
		}},
		audit.Entry{Actor: by, Action: "scope.remove", Target: id, Details: to},
		audit.Entry{Actor: by, Action: "scope.add", Target: id, Details: to},
		audit.Entry{Actor: by, Action: "machine.secret_rotated", Target: id, Details: map[string]string{"previous_token_ttl": "60"}},
		audit.Entry{Actor: by, Action: "machine.secret_viewed", Target: id},
		audit.Entry{Actor: by, Action: "machine.delete", Target: id},
	)
	entries, err := s.AuditEntries(ctx, audit.Query{Limit: 100})
	must(t, err)
	for _, e := range entries {
		if e.At.Before(begin.Add(-2*time.Second)) || e.At.After(time.Now().Add(2*time.Second)) { //nolint:forbidigo // as above
			t.Errorf("%s is said to be of %v", e.Action, e.At)
		}
	}
}

// R63
func refusedChangesAreNotAudited(t *testing.T, s Stores) {
	t.Helper()
	ctx, by := t.Context(), admin()
	a, b := machine(t, s, "a"), machine(t, s, "b")
	must(t, s.AddScope(ctx, by, a, b, moment(1)))
	before, err := s.AuditEntries(ctx, audit.Query{Limit: 100})
	must(t, err)
	_, updateErr := s.UpdateMachine(ctx, by, a, func(*m2m.Machine) error { return errors.New("no") })
	_, createErr := s.CreateMachine(ctx, by, aMachine("c", newMachineID()), aSecret())
	_, viewErr := s.ViewSecret(ctx, by, newMachineID())
	for i, err := range []error{
		updateErr, createErr, viewErr, s.AddScope(ctx, by, a, b, moment(1)), s.RemoveScope(ctx, by, b, a),
		s.DeleteMachine(ctx, by, newMachineID(), moment(1)), s.RotateSecret(ctx, by, newMachineID(), aSecret(), 0),
		s.SetInstanceKey(ctx, by, aSecret().Hash),
	} {
		if err == nil {
			t.Errorf("change %d was not refused", i)
		}
	}
	after, err := s.AuditEntries(ctx, audit.Query{Limit: 100})
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

// R63: what cannot be audited does not happen.
func changeByNobodyIsRefused(t *testing.T, s Stores) {
	t.Helper()
	m := aMachine("a")
	if _, err := s.CreateMachine(t.Context(), m2m.Actor{}, m, aSecret()); err == nil {
		t.Error("nobody made a machine")
	}
	_, err := s.Machine(t.Context(), m.ID)
	wants(t, "after the refusal", err, m2m.ErrMachineNotFound)
}

func auditPagesAndFilters(t *testing.T, s Stores) {
	t.Helper()
	a := machine(t, s, "a")
	for i := range 5 {
		machine(t, s, numbered("machine", i), a)
	}
	must(t, s.DeleteMachine(t.Context(), admin(), a, moment(1)))
	count := func(q audit.Query) (n int) {
		last := int64(1 << 62)
		for {
			page, err := s.AuditEntries(t.Context(), q)
			must(t, err)
			if len(page) == 0 {
				return n
			}
			if len(page) > q.Limit {
				t.Errorf("%d entries on a page of %d", len(page), q.Limit)
			}
			for _, e := range page {
				if e.ID >= last {
					t.Errorf("entry %d comes after %d", e.ID, last)
				}
				last = e.ID
			}
			n += len(page)
			q.Before = last
		}
	}
	for want, q := range map[int]audit.Query{
		7: {Limit: 3}, 6: {Limit: 2, Action: "machine.create"}, 2: {Limit: 1, Target: string(a)},
		1: {Limit: 9, Action: "machine.delete", Target: string(a)}, 0: {Limit: 9, Action: "no such\x00"},
	} {
		if got := count(q); got != want {
			t.Errorf("%+v: %d entries, want %d", q, got, want)
		}
	}
}

func auditTellsWho(t *testing.T, s Stores) {
	t.Helper()
	people := []m2m.Actor{
		{Kind: m2m.Operator, Address: "192.0.2.1", TraceID: "t"},
		{Kind: m2m.Operator, Address: "192.0.2.2", TraceID: "t"},
		{Kind: m2m.System},
		{Kind: m2m.MachineHolder, Machine: newMachineID(), Address: "192.0.2.2", TraceID: "t"},
	}
	for i, by := range people {
		_, err := s.CreateMachine(t.Context(), by, aMachine(numbered("machine", i)), aSecret())
		must(t, err)
	}
	all, err := s.AuditEntries(t.Context(), audit.Query{Limit: 9})
	must(t, err)
	for want, q := range map[string]audit.Query{
		"1 0": {Kind: m2m.Operator}, "2": {Kind: m2m.System}, "3 1": {Address: "192.0.2.2"}, "3": {Address: "192.0.2.2", Kind: m2m.MachineHolder},
		"": {Kind: "no such\x00"}, "3 2 1 0": {Until: all[0].At.Add(time.Millisecond)}, "x": {Until: all[3].At},
	} {
		q.Limit = 9
		got, err := s.AuditEntries(t.Context(), q)
		must(t, err)
		var said []string
		for _, e := range got {
			said = append(said, strconv.Itoa(slices.Index(people, e.Actor)))
		}
		if said := strings.Join(said, " "); said != strings.TrimPrefix(want, "x") {
			t.Errorf("%+v: entries of %q, want %q", q, said, want)
		}
	}
}

// R56, R62
func auditTakesAnyAddress(t *testing.T, s Stores) {
	t.Helper()
	by := admin()
	by.Address, by.TraceID = "a\x00b\xff", strings.Repeat("é'\n", 100)
	_, err := s.CreateMachine(t.Context(), by, aMachine("a"), aSecret())
	must(t, err)
	by.Address = "a\uFFFDb\uFFFD"
	entries, err := s.AuditEntries(t.Context(), audit.Query{Limit: 1})
	must(t, err)
	if len(entries) != 1 || entries[0].Actor != by {
		t.Errorf("%+v", entries)
	}
}
