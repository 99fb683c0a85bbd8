package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func instancePromises() []promise {
	return []promise{
		{"InstanceIsKeptAsItWasGiven", instanceIsKeptAsItWasGiven},
		{"OfManyFirstStartsOneMakesTheInstance", ofManyFirstStartsOneMakesTheInstance},
		{"ChangedInstanceKeyRetiresTheOldOne", changedInstanceKeyRetiresTheOldOne},
	}
}

func anInstance() instance.Record {
	return instance.Record{
		ID: "ins_2abcdefghijklmnopqrstuvwxyz", Issuer: "https://issuer.example", KeyHash: secret.HashOf(secret.New(secret.InstanceKey)),
		Canary: secret.Sealed{Version: "v1", Bytes: []byte{0, 1, 255}}, CreatedAt: moment(3),
	}
}

func instanceIsKeptAsItWasGiven(t *testing.T, s Stores) {
	t.Helper()
	_, err := s.Instance(t.Context())
	wants(t, "an empty database", err, m2m.ErrNotFound)
	want := anInstance()
	must(t, s.CreateInstance(t.Context(), want))
	other := anInstance()
	wants(t, "a second one", s.CreateInstance(t.Context(), other), m2m.ErrConflict)
	got, err := s.Instance(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// R66
func ofManyFirstStartsOneMakesTheInstance(t *testing.T, s Stores) {
	t.Helper()
	errs := together(8, func(int) error { return s.CreateInstance(t.Context(), anInstance()) })
	counts := tally(t, errs, m2m.ErrConflict)
	if counts[nil] != 1 || counts[m2m.ErrConflict] != 7 {
		t.Errorf("of eight: %v", counts)
	}
}

func changedInstanceKeyRetiresTheOldOne(t *testing.T, s Stores) {
	t.Helper()
	next := secret.HashOf(secret.New(secret.InstanceKey))
	wants(t, "no instance", s.SetInstanceKey(t.Context(), admin(), next), m2m.ErrNotFound)
	record := anInstance()
	must(t, s.CreateInstance(t.Context(), record))
	if !caller(t, s, record.KeyHash).Instance || caller(t, s, next).Known() {
		t.Error("the key is not the one of the record")
	}
	must(t, s.SetInstanceKey(t.Context(), admin(), next))
	if !caller(t, s, next).Instance {
		t.Error("the new key is unknown")
	}
	if caller(t, s, record.KeyHash).Known() {
		t.Error("the old key still works")
	}
	wantsAudit(t, s, audit.Entry{Actor: admin(), Action: "instance.key_changed", Target: string(record.ID)})
}
