package storetest

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
		{"EveryStepIsDatedByTheStoresClock", everyStepIsDatedByTheStoresClock},
		{"WhatIsServedStandsForAsLongAsWasSaid", whatIsServedStands},
	}
}

// aKey is the n-th key, announced. Its date is not the one that a store gives it.
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

// wantsRing compares everything but dates, which are the store's.
func wantsRing(t *testing.T, s Stores, want keys.Ring) {
	t.Helper()
	got, err := s.Ring(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(time.Time{}), cmpopts.EquateEmpty()); diff != "" {
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
	a, b := aKey(1), aKey(0) // announced at one time: by id then
	step(t, s, 0, keys.Change{Key: a}, keys.Change{Key: b})
	wantsRing(t, s, keys.Ring{Version: 1, Keys: []keys.Key{b, a}})
	a.State = keys.Compromised
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

// R39, I10: what a replica believes the time to be is nobody's business. The date of a step is between two looks at the store's clock,
// and the dates of the steps before stay.
func everyStepIsDatedByTheStoresClock(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	look := func() keys.Ring {
		t.Helper()
		ring, err := s.Ring(t.Context())
		must(t, err)
		return ring
	}
	k := aKey(0) // dated years back
	var from keys.State
	var dates []time.Time
	for i, to := range []keys.State{keys.Announced, keys.Active, keys.Retiring, keys.Removed, keys.Compromised} {
		before := look()
		step(t, s, int64(i), keys.Change{Key: in(k, to), From: from})
		after := look()
		k, from = after.Keys[0], to
		all := []time.Time{k.CreatedAt, k.ActivatedAt, k.RetiredAt, k.RemovedAt, k.CompromisedAt}
		if at := all[i]; at.Before(before.At) || at.After(after.At) || before.At.After(after.At) {
			t.Errorf("%s between %s and %s is dated %s", to, before.At, after.At, at)
		}
		if diff := cmp.Diff(append(dates, all[i]), all[:i+1]); diff != "" {
			t.Errorf("%s changes the dates before: %s", to, diff)
		}
		for _, later := range all[i+1:] {
			if !later.IsZero() {
				t.Errorf("%s has a date of what did not happen: %v", to, all)
			}
		}
		dates = append(dates, all[i])
	}
}

// R39
func whatIsServedStands(t *testing.T, s Stores) {
	t.Helper()
	must(t, s.CreateInstance(t.Context(), anInstance()))
	serve := func(lease, life time.Duration) (before, after keys.Ring) {
		t.Helper()
		before, err := s.Ring(t.Context())
		must(t, err)
		must(t, s.ServeKeySet(t.Context(), time.Hour, lease, life))
		after, err = s.Ring(t.Context())
		must(t, err)
		return before, after
	}
	within := func(until, before, after time.Time, life time.Duration) {
		t.Helper()
		if until.Before(before.Add(life)) || until.After(after.Add(life)) {
			t.Errorf("for %s between %s and %s it stands until %s", life, before, after, until)
		}
	}
	_, first := serve(time.Minute, time.Hour)
	before, after := serve(time.Second, 2*time.Hour)
	if len(after.Served) != 2 || after.Served[0].Lease != time.Second || after.Served[1] != first.Served[0] || after.Served[1].MaxAge != time.Hour {
		t.Fatalf("two pairs: %+v", after.Served)
	}
	within(after.Served[0].Until, before.At, after.At, 2*time.Hour)
	if _, sooner := serve(time.Second, time.Minute); !cmp.Equal(sooner.Served, after.Served) {
		t.Errorf("a shorter time cuts a longer one: %+v", sooner.Served)
	}
	before, later := serve(time.Second, 3*time.Hour)
	within(later.Served[0].Until, before.At, later.At, 3*time.Hour)
	if len(later.Served) != 2 || later.Version != 0 {
		t.Errorf("%+v", later)
	}
}
