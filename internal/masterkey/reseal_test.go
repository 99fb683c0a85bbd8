package masterkey_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/masterkey"
	"github.com/dualmint/dualmint/internal/secret"
)

// memory is a store of sealed values, by table and row.
type memory struct {
	values  map[masterkey.Table]map[string]secret.Sealed
	writing func(t masterkey.Table) // what a replica does between a reading and its swaps
	err     error
	failAt  int // fails the n-th swap; 0: none
	swaps   int
}

func newMemory() *memory {
	m := &memory{values: map[masterkey.Table]map[string]secret.Sealed{}}
	for _, t := range masterkey.Tables() {
		m.values[t] = map[string]secret.Sealed{}
	}
	return m
}

func place(t masterkey.Table, row string) secret.Place {
	return secret.Place{Table: string(t), ID: row}
}

func (m *memory) put(s *secret.Sealer, t masterkey.Table, row string) {
	m.values[t][row] = s.Seal(place(t, row), []byte("plain "+row))
}

func (m *memory) SealedCounts(context.Context) ([]masterkey.Count, error) {
	var out []masterkey.Count
	for _, t := range masterkey.Tables() {
		of := map[string]int64{}
		for _, v := range m.values[t] {
			of[v.Version]++
		}
		for _, version := range slices.Sorted(maps.Keys(of)) {
			out = append(out, masterkey.Count{Table: t, Version: version, Values: of[version]})
		}
	}
	return out, m.err
}

func (m *memory) SealedUnder(_ context.Context, t masterkey.Table, version, after string, limit int) ([]masterkey.Value, error) {
	var out []masterkey.Value
	for row, v := range m.values[t] {
		if v.Version == version && row > after {
			out = append(out, masterkey.Value{Row: row, Place: place(t, row), Sealed: v})
		}
	}
	slices.SortFunc(out, func(a, b masterkey.Value) int { return cmp.Compare(a.Row, b.Row) })
	return out[:min(limit, len(out))], nil
}

func (m *memory) Reseal(_ context.Context, _ m2m.Actor, t masterkey.Table, swaps []masterkey.Swap) (int64, error) {
	if m.swaps++; m.swaps == m.failAt {
		return 0, errors.New("killed")
	}
	if m.writing != nil {
		m.writing(t)
	}
	n := int64(0)
	for _, s := range swaps {
		now, ok := m.values[t][s.Row]
		if ok && now.Version == s.Sealed.Version && string(now.Bytes) == string(s.Sealed.Bytes) {
			m.values[t][s.Row] = s.Next
			n++
		}
	}
	return n, nil
}

func sealer(t *testing.T, letters string) *secret.Sealer {
	t.Helper()
	var list []string
	for _, l := range letters {
		list = append(list, base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(l), 32))))
	}
	s, err := secret.NewSealer(secret.Text(strings.Join(list, ",")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opens fails the test unless every value opens with these keys alone.
func (m *memory) opens(t *testing.T, s *secret.Sealer) {
	t.Helper()
	for table, rows := range m.values {
		for row, v := range rows {
			if plain, err := s.Open(place(table, row), v); err != nil || string(plain) != "plain "+row {
				t.Errorf("%s %s: %q, %v", table, row, plain, err)
			}
		}
	}
}

func filled(s *secret.Sealer) *memory {
	m := newMemory()
	for i := range 1203 { // more than two batches
		m.put(s, masterkey.Tokens, fmt.Sprintf("token %05d", i))
	}
	for i := range 3 {
		m.put(s, masterkey.SigningKeys, fmt.Sprint("key ", i))
		m.put(s, masterkey.MachineSecrets, fmt.Sprint("secret ", i))
	}
	m.put(s, masterkey.Canary, "instance")
	return m
}

// R9
func TestResealMovesEverythingAndDoesNothingTwice(t *testing.T) {
	m := filled(sealer(t, "o"))
	r, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{})
	if err != nil || r.Resealed[masterkey.Tokens] != 1203 || r.Resealed[masterkey.Canary] != 1 || masterkey.Left(r.Counts, sealer(t, "n").Version()) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	m.opens(t, sealer(t, "n"))
	before := m.swaps
	if r, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{}); err != nil || len(r.Resealed) != 0 || m.swaps != before {
		t.Errorf("again: %+v, %v", r, err)
	}
}

// R9: killed anywhere, everything still opens with the list, and the canary has not moved before the rest; the next run ends it.
func TestResealMayBeKilledAnywhere(t *testing.T) {
	for failAt := 1; failAt <= 6; failAt++ {
		m := filled(sealer(t, "o"))
		m.failAt = failAt
		if _, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{}); err == nil {
			t.Fatalf("swap %d was never made", failAt)
		}
		m.opens(t, sealer(t, "no"))
		if _, err := sealer(t, "n").Open(place(masterkey.Canary, "instance"), m.values[masterkey.Canary]["instance"]); err == nil {
			t.Errorf("killed at %d: the canary moved before everything else", failAt)
		}
		if _, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{}); err != nil {
			t.Error(err)
		}
		m.opens(t, sealer(t, "n"))
	}
}

// What replicas write meanwhile is never overwritten, and what they sealed under the old key is found.
func TestResealYieldsToReplicas(t *testing.T) {
	old := sealer(t, "o")
	m := filled(old)
	once := map[masterkey.Table]bool{}
	m.writing = func(table masterkey.Table) {
		if table == masterkey.Canary || once[table] {
			return
		}
		once[table] = true
		for row := range m.values[table] {
			m.put(old, table, row) // rotated: another ciphertext in the same place
		}
		m.put(old, table, "a new one")
	}
	if _, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{}); err != nil {
		t.Error(err)
	}
	m.opens(t, sealer(t, "n"))

	m = filled(old)
	n := 0
	m.writing = func(masterkey.Table) { n++; m.put(old, masterkey.SigningKeys, fmt.Sprint("late ", n)) }
	if _, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{}); !errors.Is(err, masterkey.ErrLeft) {
		t.Errorf("a replica that goes on sealing under the old key: %v", err)
	}
	m.opens(t, sealer(t, "no"))
}

// R8: what does not open is told and left as it is; the canary stays where it was.
func TestResealLeavesWhatDoesNotOpen(t *testing.T) {
	m := filled(sealer(t, "o"))
	m.put(sealer(t, "x"), masterkey.MachineSecrets, "of a lost key")
	m.values[masterkey.SigningKeys]["key 0"], m.values[masterkey.SigningKeys]["key 1"] = m.values[masterkey.SigningKeys]["key 1"], m.values[masterkey.SigningKeys]["key 0"]
	lost, swapped := m.values[masterkey.MachineSecrets]["of a lost key"], m.values[masterkey.SigningKeys]["key 0"]
	r, err := masterkey.Reseal(t.Context(), m, sealer(t, "no"), m2m.Actor{})
	if !errors.Is(err, masterkey.ErrNotOpened) || r.Unopened[masterkey.MachineSecrets] != 1 || r.Unopened[masterkey.SigningKeys] != 2 {
		t.Errorf("%v, %v", r.Unopened, err)
	}
	if string(lost.Bytes) != string(m.values[masterkey.MachineSecrets]["of a lost key"].Bytes) || string(swapped.Bytes) != string(m.values[masterkey.SigningKeys]["key 0"].Bytes) {
		t.Error("what did not open was changed")
	}
	if _, err := sealer(t, "o").Open(place(masterkey.Canary, "instance"), m.values[masterkey.Canary]["instance"]); err != nil {
		t.Error("the canary moved although something is left")
	}
	broken := &memory{err: m2m.ErrUnavailable}
	if _, err := masterkey.Reseal(t.Context(), broken, sealer(t, "no"), m2m.Actor{}); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
}
