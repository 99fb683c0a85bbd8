package storetest

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func keyPromises() []promise {
	return []promise{
		{"RingIsKeptAsItWasGiven", ringIsKeptAsItWasGiven},
		{"OneKeyIsActive", oneKeyIsActive},
		{"StaleChangeOfTheRingChangesNothing", staleChangeOfTheRingChangesNothing},
		{"OfManyEqualStepsOneIsTaken", ofManyEqualStepsOneIsTaken},
		{"EveryStepOfAKeyIsAudited", everyStepOfAKeyIsAudited},
	}
}

// aKey is the n-th key, announced.
func aKey(n int) keys.Key {
	id := fmt.Sprintf("%s%02d", strings.Repeat("k", 41), n)
	return keys.Key{
		ID: m2m.KeyID(id), State: keys.Announced, Public: ed25519.PublicKey(id[len(id)-ed25519.PublicKeySize:]),
		Sealed: secret.Sealed{Version: "v1", Bytes: []byte("sealed " + id)}, CreatedAt: moment(n),
	}
}

func in(k keys.Key, state keys.State) keys.Key {
	k.State = state
	return k
}

func wantsRing(t *testing.T, s Stores, want keys.Ring) {
	t.Helper()
	got, err := s.Ring(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// step changes the ring and fails the test when that is refused.
func step(t *testing.T, s Stores, was int64, changes ...keys.Change) {
	t.Helper()
	must(t, s.ChangeRing(t.Context(), admin(), was, changes))
}

func ringIsKeptAsItWasGiven(t *testing.T, s Stores) {
	t.Helper()
	_, err := s.Ring(t.Context())
	wants(t, "before there is an instance", err, m2m.ErrNotFound)
	must(t, s.CreateInstance(t.Context(), anInstance()))
	wantsRing(t, s, keys.Ring{Keys: []keys.Key{}})
	a, b := aKey(1), aKey(0)
	a.CreatedAt, b.CreatedAt = moment(0), moment(0) // a tie: by id then
	step(t, s, 0, keys.Change{Key: a}, keys.Change{Key: b})
	wantsRing(t, s, keys.Ring{Version: 1, Keys: []keys.Key{b, a}})
	a.State, a.ActivatedAt, a.RetiredAt, a.RemovedAt, a.CompromisedAt = keys.Compromised, moment(1), moment(2), moment(3), moment(4)
	a.Sealed = secret.Sealed{} // never to sign again: dropped
	stale := a
	stale.Sealed = secret.Sealed{Version: "v0", Bytes: []byte("as it was before it was sealed anew")}
	step(t, s, 1, keys.Change{Key: stale, From: keys.Announced})
	wantsRing(t, s, keys.Ring{Version: 2, Keys: []keys.Key{b, a}})
}

// R38
func oneKeyIsActive(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	a, b := aKey(0), aKey(1)
	step(t, s, 0, keys.Change{Key: in(a, keys.Active)}, keys.Change{Key: b})
	err := s.ChangeRing(t.Context(), admin(), 1, []keys.Change{{Key: in(b, keys.Active), From: keys.Announced}})
	wants(t, "a second active key", err, m2m.ErrConflict)
	err = s.ChangeRing(t.Context(), admin(), 1, []keys.Change{{Key: in(aKey(2), keys.Active)}})
	wants(t, "a new second active key", err, m2m.ErrConflict)
	// In one step, whichever is named first.
	step(t, s, 1, keys.Change{Key: in(b, keys.Active), From: keys.Announced}, keys.Change{Key: in(a, keys.Retiring), From: keys.Active})
	wantsRing(t, s, keys.Ring{Version: 2, Keys: []keys.Key{in(a, keys.Retiring), in(b, keys.Active)}})
}

func staleChangeOfTheRingChangesNothing(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	a := aKey(0)
	step(t, s, 0, keys.Change{Key: a})
	for what, try := range map[string]struct {
		was     int64
		changes []keys.Change
	}{
		"an old version":      {0, []keys.Change{{Key: aKey(1)}}},
		"a version to come":   {2, []keys.Change{{Key: aKey(1)}}},
		"another state":       {1, []keys.Change{{Key: aKey(1)}, {Key: in(a, keys.Retiring), From: keys.Active}}},
		"an unknown key":      {1, []keys.Change{{Key: aKey(1)}, {Key: in(aKey(2), keys.Active), From: keys.Announced}}},
		"a key that is there": {1, []keys.Change{{Key: aKey(1)}, {Key: a}}},
	} {
		wants(t, what, s.ChangeRing(t.Context(), admin(), try.was, try.changes), m2m.ErrConflict)
		wantsRing(t, s, keys.Ring{Version: 1, Keys: []keys.Key{a}})
	}
}

// R38, R66
func ofManyEqualStepsOneIsTaken(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	errs := together(10, func(i int) error { return s.ChangeRing(t.Context(), admin(), 0, []keys.Change{{Key: aKey(i)}}) })
	counts := tally(t, errs, m2m.ErrConflict)
	ring, err := s.Ring(t.Context())
	must(t, err)
	if counts[nil] != 1 || ring.Version != 1 || len(ring.Keys) != 1 {
		t.Errorf("of ten: %v, the ring is %v", counts, ring)
	}
}

// R63
func everyStepOfAKeyIsAudited(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	k := aKey(0)
	step(t, s, 0, keys.Change{Key: k})
	from := keys.Announced
	for i, to := range []keys.State{keys.Active, keys.Retiring, keys.Removed, keys.Compromised} {
		step(t, s, int64(i)+1, keys.Change{Key: in(k, to), From: from})
		from = to
	}
	var want []audit.Entry
	for _, state := range []keys.State{keys.Announced, keys.Active, keys.Retiring, keys.Removed, keys.Compromised} {
		want = append(want, audit.Entry{Actor: admin(), Action: "key." + string(state), Target: string(k.ID)})
	}
	forced := aKey(1)
	step(t, s, 5, keys.Change{Key: forced, Forced: true})
	wantsAudit(t, s, append(want, audit.Entry{
		Actor: admin(), Action: "key.announced", Target: string(forced.ID), Details: map[string]string{"force": "true"},
	})...)
}
