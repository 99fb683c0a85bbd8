package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/masterkey"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func sealedPromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("EverySealedValueIsFoundAndMoved", func(t *testing.T) { sealedAreMoved(t, open) })
	t.Run("ASealedValueThatChangedMeanwhileIsLeft", func(t *testing.T) { changedIsLeft(t, open) })
}

// sealedWorld has something sealed under "old" in every table, and tells how much.
func sealedWorld(t *testing.T, open OpenHot) (*world, map[masterkey.Table]int64) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	for range 3 {
		a, _ := w.machine()
		n := w.opaque(a)
		n.Reuse = &tokens.Reusable{Fingerprint: w.fresh(), Sealed: secret.Sealed{Version: "old", Bytes: []byte("sealed " + n.Grant.ID)}}
		w.put(n, w.opaque(a)) // the second one is not sealed
	}
	w.Exec("UPDATE machine_secrets SET key_version = 'old'")
	w.Exec("UPDATE signing_keys SET key_version = 'old'")
	w.Exec("UPDATE instance SET canary_version = 'old'")
	return w, map[masterkey.Table]int64{masterkey.SigningKeys: 5, masterkey.MachineSecrets: 3, masterkey.Tokens: 3, masterkey.Canary: 1}
}

// next seals values anew, as far as a store can tell.
func next(values []masterkey.Value) []masterkey.Swap {
	swaps := make([]masterkey.Swap, len(values))
	for i, v := range values {
		swaps[i] = masterkey.Swap{Value: v, Next: secret.Sealed{Version: "new", Bytes: append([]byte("new "), v.Row...)}}
	}
	return swaps
}

// R8, R9, R63
func sealedAreMoved(t *testing.T, open OpenHot) {
	t.Helper()
	w, there := sealedWorld(t, open)
	for _, table := range masterkey.Tables() {
		counts, err := w.SealedCounts(t.Context())
		must(t, err)
		found := int64(0)
		for _, c := range counts {
			if c.Table == table && c.Version == "old" {
				found += c.Values
			}
		}
		var moved int64
		after, places := "", map[string]bool{}
		for {
			values, err := w.SealedUnder(t.Context(), table, "old", after, 2)
			must(t, err)
			if len(values) == 0 {
				break
			}
			for _, v := range values {
				if v.Row <= after || v.Place.Table != string(table) || v.Place.ID != v.Row || len(v.Sealed.Bytes) == 0 || v.Sealed.Version != "old" {
					t.Errorf("%s: %+v behind %q", table, v, after)
				}
				after, places[v.Place.ID] = v.Row, true
			}
			n, err := w.Reseal(t.Context(), admin(), table, next(values))
			must(t, err)
			moved += n
		}
		if found != there[table] || moved != there[table] || int64(len(places)) != there[table] {
			t.Errorf("%s: %d counted, %d moved of %d; want %d", table, found, moved, len(places), there[table])
		}
		values, err := w.SealedUnder(t.Context(), table, "new", "", 100)
		must(t, err)
		for _, v := range values {
			if !bytes.Equal(v.Sealed.Bytes, append([]byte("new "), v.Row...)) {
				t.Errorf("%s: %q holds %q", table, v.Row, v.Sealed.Bytes)
			}
		}
	}
	entries, err := w.AuditEntries(t.Context(), audit.Query{Limit: 100, Action: "master_key.resealed"})
	must(t, err)
	told := map[string]int{}
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscan(e.Details["values"], &n); err != nil || e.Details["version"] != "new" || e.Actor != admin() {
			t.Errorf("%+v", e)
		}
		told[e.Target] += n
	}
	if diff := cmp.Diff(map[string]int{"signing_keys": 5, "machine_secrets": 3, "tokens": 3, "instance": 1}, told); diff != "" {
		t.Error(diff)
	}
}

// What was written after it was read stays, and a change of the ring undoes nothing.
func changedIsLeft(t *testing.T, open OpenHot) {
	t.Helper()
	w, _ := sealedWorld(t, open)
	for table, change := range map[masterkey.Table]string{
		masterkey.SigningKeys:    "UPDATE signing_keys SET sealed = ? WHERE kid = ?",
		masterkey.MachineSecrets: "UPDATE machine_secrets SET sealed = ? WHERE hash = ?",
		masterkey.Tokens:         "UPDATE tokens SET sealed = ? WHERE id = ?",
		masterkey.Canary:         "UPDATE instance SET canary = ? WHERE id = ?",
	} {
		values, err := w.SealedUnder(t.Context(), table, "old", "", 1)
		must(t, err)
		var row any = values[0].Row
		if table == masterkey.MachineSecrets {
			row = []byte(values[0].Row)
		}
		w.Exec(change, []byte("changed meanwhile"), row)
		n, err := w.Reseal(t.Context(), admin(), table, next(values))
		must(t, err)
		again, err := w.SealedUnder(t.Context(), table, "old", "", 1)
		must(t, err)
		if n != 0 || len(again) != 1 || string(again[0].Sealed.Bytes) != "changed meanwhile" {
			t.Errorf("%s: %d replaced; it holds %v", table, n, again)
		}
	}
	ring, err := w.Ring(t.Context())
	must(t, err)
	values, err := w.SealedUnder(t.Context(), masterkey.SigningKeys, "old", "", 5)
	must(t, err)
	if n, err := w.Reseal(t.Context(), admin(), masterkey.SigningKeys, next(values)); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	for _, k := range ring.Keys {
		if k.State == keys.Announced {
			k.State = keys.Retiring
			must(t, w.ChangeRing(t.Context(), admin(), ring.Version, []keys.Change{{Key: k, From: keys.Announced}}))
		}
	}
	if values, err := w.SealedUnder(t.Context(), masterkey.SigningKeys, "new", "", 100); len(values) != 5 || err != nil {
		t.Errorf("a change of the ring undid what was sealed anew: %d left, %v", len(values), err)
	}
}
