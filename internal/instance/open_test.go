package instance_test

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const issuer = "https://issuer.example"

// memory is a store of one record; hidden makes the first read miss it, as in a race of two first starts.
type memory struct {
	record  *instance.Record
	hidden  bool
	changes []m2m.Actor
	err     error
}

func (m *memory) Instance(context.Context) (instance.Record, error) {
	if m.err != nil {
		return instance.Record{}, m.err
	}
	if m.record == nil || m.hidden {
		m.hidden = false
		return instance.Record{}, m2m.ErrNotFound
	}
	return *m.record, nil
}

func (m *memory) CreateInstance(_ context.Context, r instance.Record) error {
	if m.record != nil {
		return m2m.ErrConflict
	}
	m.record = &r
	return nil
}

func (m *memory) SetInstanceKey(_ context.Context, by m2m.Actor, h secret.Hash) error {
	m.record.KeyHash = h
	m.changes = append(m.changes, by)
	return nil
}

func sealer(t *testing.T, letters ...string) *secret.Sealer {
	t.Helper()
	var list []string
	for _, l := range letters {
		list = append(list, base64.StdEncoding.EncodeToString([]byte(strings.Repeat(l, 32))))
	}
	s, err := secret.NewSealer(secret.Text(strings.Join(list, ",")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, m *memory, s *secret.Sealer, issuer string, key secret.Text) (instance.Record, error) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 1, 2, 3, 456789, time.UTC) }
	return instance.Open(t.Context(), m, s, issuer, key, now)
}

func TestFirstStartIsRecordedAndFoundAgain(t *testing.T) {
	m := &memory{}
	first, err := open(t, m, sealer(t, "a"), issuer, "sk_one")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^ins_[0-9A-Za-z]{27}$`).MatchString(string(first.ID)) || first.CreatedAt.Nanosecond()%int(time.Millisecond) != 0 {
		t.Errorf("record: %+v", first)
	}
	if !first.First {
		t.Error("the first start does not know that it is")
	}
	first.First = false // of all that was said, this is no longer true
	second, err := open(t, m, sealer(t, "a"), issuer, "sk_one")
	if diff := cmp.Diff(first, second); diff != "" || err != nil {
		t.Errorf("second start: %v\n%s", err, diff)
	}
	if len(m.changes) != 0 {
		t.Error("the key was changed although it is the same")
	}
}

// R9
func TestWrongMasterKeyFailsClosed(t *testing.T) {
	m := &memory{}
	if _, err := open(t, m, sealer(t, "a"), issuer, "sk_one"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, m, sealer(t, "b"), issuer, "sk_two"); !errors.Is(err, instance.ErrWrongMasterKey) {
		t.Errorf("another master key: %v", err)
	}
	if len(m.changes) != 0 {
		t.Error("the instance key was changed under a wrong master key")
	}
	if err := instance.Check(t.Context(), m, sealer(t, "b")); !errors.Is(err, instance.ErrWrongMasterKey) {
		t.Errorf("check under another master key: %v", err)
	}
	if _, err := open(t, m, sealer(t, "b", "a"), issuer, "sk_one"); err != nil {
		t.Errorf("a list that holds the old key: %v", err)
	}
	m.record.ID = "ins_other"
	if err := instance.Check(t.Context(), m, sealer(t, "a")); !errors.Is(err, instance.ErrWrongMasterKey) {
		t.Errorf("a canary of another instance: %v", err)
	}
}

func TestAnotherIssuerIsRefused(t *testing.T) {
	m := &memory{}
	if _, err := open(t, m, sealer(t, "a"), issuer, "sk_one"); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, m, sealer(t, "a"), "https://other.example", "sk_two")
	if !errors.Is(err, instance.ErrOtherIssuer) || !strings.Contains(err.Error(), issuer) || !strings.Contains(err.Error(), "https://other.example") {
		t.Errorf("another issuer: %v", err)
	}
	if len(m.changes) != 0 {
		t.Error("the instance key was changed by a foreign replica")
	}
}

func TestChangedKeyRetiresTheOld(t *testing.T) {
	m := &memory{}
	if _, err := open(t, m, sealer(t, "a"), issuer, "sk_one"); err != nil {
		t.Fatal(err)
	}
	r, err := open(t, m, sealer(t, "a"), issuer, "sk_two")
	if err != nil || r.KeyHash != secret.HashOf("sk_two") || m.record.KeyHash != r.KeyHash {
		t.Errorf("changed key: %v", err)
	}
	if diff := cmp.Diff([]m2m.Actor{{Kind: m2m.System}}, m.changes); diff != "" {
		t.Error(diff)
	}
}

func TestLoserOfTwoFirstStartsTakesTheWinnersRecord(t *testing.T) {
	m := &memory{}
	winner, err := open(t, m, sealer(t, "a"), issuer, "sk_one")
	if err != nil {
		t.Fatal(err)
	}
	winner.First = false // of two first starts one is the first
	m.hidden = true
	loser, err := open(t, m, sealer(t, "a"), issuer, "sk_one")
	if diff := cmp.Diff(winner, loser); diff != "" || err != nil {
		t.Errorf("loser: %v\n%s", err, diff)
	}
	m.hidden = true
	if _, err := open(t, m, sealer(t, "b"), issuer, "sk_one"); !errors.Is(err, instance.ErrWrongMasterKey) {
		t.Errorf("loser with another master key: %v", err)
	}
}

// R12
func TestUnreadableDatabaseOpensNothing(t *testing.T) {
	m := &memory{err: m2m.ErrUnavailable}
	if _, err := open(t, m, sealer(t, "a"), issuer, "sk_one"); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("open: %v", err)
	}
	if err := instance.Check(t.Context(), m, sealer(t, "a")); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("check: %v", err)
	}
}
