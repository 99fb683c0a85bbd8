package keys

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
)

var (
	testPolicy = Policy{MaxAge: 10 * time.Minute, Refresh: 10 * time.Second, Lease: 30 * time.Second, Margin: time.Minute, Period: 24 * time.Hour, TokenTTL: time.Hour}
	epoch      = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

func ringOf(keys ...Key) Ring { return Ring{Version: 7, Keys: keys} }

func announcedAt(id m2m.KeyID, at time.Time) Key {
	return Key{ID: id, State: Announced, CreatedAt: at}
}

func activeAt(at time.Time) Key {
	return Key{ID: "a", State: Active, CreatedAt: at, ActivatedAt: at}
}

func retiringAt(at time.Time) Key {
	return Key{ID: "r", State: Retiring, CreatedAt: at, ActivatedAt: at, RetiredAt: at}
}

// R38, R39: what is due, to the second.
func TestPlanTakesEachStepWhenItIsDueAndNoSooner(t *testing.T) {
	p := testPolicy
	ready, due, gone := p.AnnounceFor(), p.Period, p.RetireFor()
	rotation := []Step{{"a", Active, Retiring}, {"b", Announced, Active}, {To: Announced}}
	for _, c := range []struct {
		name string
		ring Ring
		now  time.Duration
		want []Step
	}{
		{"first start of all", ringOf(), 0, []Step{{To: Active}, {To: Announced}}},
		{"nothing due", ringOf(activeAt(epoch), announcedAt("b", epoch)), due - 1, nil},
		{"rotation due", ringOf(activeAt(epoch), announcedAt("b", epoch)), due, rotation},
		{"rotation long due", ringOf(activeAt(epoch), announcedAt("b", epoch)), 1000 * due, rotation},
		{"due, but the next is not with every verifier", ringOf(activeAt(epoch), announcedAt("b", epoch.Add(due))), due + ready - 1, nil},
		{"due, and the next has just got to all", ringOf(activeAt(epoch), announcedAt("b", epoch.Add(due))), due + ready, rotation},
		{"no announced key", ringOf(activeAt(epoch)), 0, []Step{{To: Announced}}},
		{"due without an announced key", ringOf(activeAt(epoch)), due, []Step{{To: Announced}}},
		{"no active key", ringOf(announcedAt("b", epoch)), 0, []Step{{"b", Announced, Active}, {To: Announced}}},
		{"the oldest of two announced signs next", ringOf(activeAt(epoch), announcedAt("b", epoch), announcedAt("c", epoch)), due, rotation[:2]},
		{"retiring still needed", ringOf(retiringAt(epoch), activeAt(epoch), announcedAt("b", epoch)), gone - 1, nil},
		{"retiring needed no more", ringOf(retiringAt(epoch), activeAt(epoch), announcedAt("b", epoch)), gone, []Step{{"r", Retiring, Removed}}},
		{"history alone", ringOf(Key{ID: "x", State: Removed}, Key{ID: "y", State: Compromised}, Key{ID: "z"}), 0, []Step{{To: Active}, {To: Announced}}},
		{"a clock before everything", ringOf(retiringAt(epoch), activeAt(epoch), announcedAt("b", epoch)), -1000 * due, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Plan(c.ring, epoch.Add(c.now), p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// R38, R42: from whatever ring, at whatever time, applied step by step.
func TestPlanLeavesOneActiveKeyAndNothingDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := testPolicy
		ring := drawRing(t)
		now := epoch.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "now")) * time.Second)
		before := slices.Clone(ring.Keys)
		steps := Plan(ring, now, p)
		if !cmp.Equal(steps, Plan(ring, now, p)) || !cmp.Equal(before, ring.Keys) {
			t.Fatal("not a function of its arguments")
		}
		after := ring
		after.Keys = slices.Clone(ring.Keys)
		for _, s := range steps {
			after = applied(t, after, s, now)
			if n := len(after.in(Active)); n > 1 {
				t.Fatalf("%d keys sign after %+v", n, s)
			}
		}
		if len(after.in(Active)) != 1 || len(after.in(Announced)) == 0 {
			t.Fatalf("ends with %+v", after.Keys)
		}
		if again := Plan(after, now, p); len(again) != 0 {
			t.Fatalf("still due: %+v", again)
		}
		for _, s := range steps {
			i := slices.IndexFunc(before, func(k Key) bool { return k.ID == s.Key })
			if s.From == Announced && len(ring.in(Active)) > 0 && now.Before(p.ReadyAt(before[i])) {
				t.Fatalf("%s signs before every verifier has it", s.Key)
			}
			if s.To == Removed && now.Before(p.RemovableAt(before[i])) {
				t.Fatalf("%s is removed before what it signed has expired", s.Key)
			}
		}
	})
}

func drawRing(t *rapid.T) Ring {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return epoch.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "seconds")) * time.Second)
	})
	states := rapid.SliceOfN(rapid.SampledFrom([]State{Announced, Retiring, Removed, Compromised}), 0, 5).Draw(t, "states")
	if rapid.Bool().Draw(t, "active") {
		states = append(states, Active)
	}
	var keys []Key
	for i, s := range states {
		keys = append(keys, Key{
			ID: m2m.KeyID(fmt.Sprint("k", i)), State: s, CreatedAt: instant.Draw(t, "created"),
			ActivatedAt: instant.Draw(t, "activated"), RetiredAt: instant.Draw(t, "retired"),
		})
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return ringOf(keys...)
}

// applied takes one step as a store would, and refuses one that starts elsewhere than the key is.
func applied(t interface{ Fatalf(string, ...any) }, r Ring, s Step, now time.Time) Ring {
	if s.Key == "" {
		k := Key{ID: m2m.KeyID(fmt.Sprint("new", len(r.Keys))), State: s.To}
		return Ring{Keys: append(r.Keys, Change{Key: k}.Dated(now))}
	}
	i := slices.IndexFunc(r.Keys, func(k Key) bool { return k.ID == s.Key })
	if i < 0 || r.Keys[i].State != s.From {
		t.Fatalf("a step from where no key is: %+v", s)
	}
	k := r.Keys[i]
	k.State = s.To
	r.Keys[i] = Change{Key: k, From: s.From}.Dated(now)
	return r
}

// R39: by hand too, a key signs only when every verifier has it, unless forced.
func TestPlanRotationRefusesWithTheSafeDate(t *testing.T) {
	p := testPolicy
	ready := epoch.Add(p.AnnounceFor())
	ring := ringOf(activeAt(epoch), announcedAt("b", epoch))
	steps, err := planRotation(ring, ready.Add(-1), p, false)
	var soon *TooSoonError
	if !errors.As(err, &soon) || !soon.SafeFrom.Equal(ready) || steps != nil {
		t.Fatalf("%+v, %v", steps, err)
	}
	want := []Step{{"a", Active, Retiring}, {"b", Announced, Active}, {To: Announced}}
	for _, c := range []struct {
		now   time.Time
		force bool
	}{{ready, false}, {ready.Add(-1), true}} {
		steps, err := planRotation(ring, c.now, p, c.force)
		if diff := cmp.Diff(want, steps); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	if _, err := planRotation(ringOf(activeAt(epoch)), epoch, p, false); !errors.As(err, &soon) {
		t.Errorf("without an announced key: %v", err)
	}
	if steps, err := planRotation(ringOf(activeAt(epoch)), epoch, p, true); err != nil || len(steps) != 3 || steps[1] != (Step{To: Active}) {
		t.Errorf("forced without an announced key: %+v, %v", steps, err)
	}
}

// R41: out of use from any state, with a successor that verifiers already have.
func TestPlanCompromiseTakesAKeyOutOfAnyState(t *testing.T) {
	ring := ringOf(retiringAt(epoch), activeAt(epoch), announcedAt("b", epoch), Key{ID: "gone", State: Removed}, Key{ID: "bad", State: Compromised})
	for kid, want := range map[m2m.KeyID][]Step{
		"a":    {{"a", Active, Compromised}, {"b", Announced, Active}, {To: Announced}},
		"b":    {{"b", Announced, Compromised}, {To: Announced}},
		"r":    {{"r", Retiring, Compromised}},
		"gone": {{"gone", Removed, Compromised}},
		"bad":  nil,
	} {
		steps, err := planCompromise(ring, kid)
		if diff := cmp.Diff(want, steps); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", kid, err, diff)
		}
	}
	if _, err := planCompromise(ring, "nobody"); !errors.Is(err, m2m.ErrNotFound) {
		t.Errorf("unknown key: %v", err)
	}
	steps, err := planCompromise(ringOf(activeAt(epoch)), "a")
	if want := []Step{{"a", Active, Compromised}, {To: Active}, {To: Announced}}; err != nil || !cmp.Equal(want, steps) {
		t.Errorf("the last key of all: %+v, %v", steps, err)
	}
}

// fullRing publishes n keys, all but two of which retired one minute after the other, the first of them at retired. The announced key was
// announced at announced.
func fullRing(n int, retired, announced time.Time) Ring {
	keys := []Key{activeAt(epoch), announcedAt("b", announced)}
	for i := range n - len(keys) {
		k := retiringAt(retired.Add(time.Duration(i) * time.Minute))
		k.ID = m2m.KeyID(fmt.Sprint("r", i))
		keys = append(keys, k)
	}
	return ringOf(keys...)
}

// R32: a set that verifiers would refuse for its size is not published by itself, and by hand only when forced. What may go goes along.
func TestNoRotationMakesTheKeySetTooLarge(t *testing.T) {
	p := testPolicy
	full, now, roomFrom := fullRing(MaxPublished, epoch.Add(p.Period), epoch), epoch.Add(p.Period+time.Hour), epoch.Add(p.Period+p.RetireFor())
	if steps := Plan(full, now, p); len(steps) != 0 {
		t.Errorf("%v", steps)
	}
	var soon *TooSoonError
	if _, err := planRotation(full, now, p, false); !errors.As(err, &soon) || !errors.Is(err, ErrTooSoon) || !soon.SafeFrom.Equal(roomFrom) {
		t.Errorf("%v; want %s", err, roomFrom)
	}
	if _, err := planRotation(full, now, p, true); err != nil {
		t.Errorf("forced: %v", err)
	}
	rotation := []Step{{"a", Active, Retiring}, {"b", Announced, Active}, {To: Announced}, {"r0", Retiring, Removed}}
	steps, err := planRotation(full, roomFrom, p, false)
	if diff := cmp.Diff(rotation, steps); diff != "" || err != nil {
		t.Errorf("by hand, when the first may go: %v\n%s", err, diff)
	}
	if diff := cmp.Diff(rotation, Plan(full, roomFrom, p)); diff != "" {
		t.Error(diff)
	}
}

// R32, R39: the date that is told is one at which the rotation is allowed, not only one reason less.
func TestTheSafeDateIsTheLatestOfAllReasons(t *testing.T) {
	p := testPolicy
	retired := epoch.Add(p.Period)
	gone := func(n int) time.Time { return retired.Add(time.Duration(n)*time.Minute + p.RetireFor()) }
	for name, c := range map[string]struct {
		published int
		announced time.Time
		want      time.Time
	}{
		"one must go":  {MaxPublished, epoch, gone(0)},
		"five must go": {MaxPublished + 4, epoch, gone(4)},
		"one must go, and the next is not with all":      {MaxPublished, retired.Add(p.RetireFor()), retired.Add(p.RetireFor() + p.AnnounceFor())},
		"the next is not with all, then one must go":     {MaxPublished, retired.Add(-time.Minute), gone(0)},
		"the next is not with all, and there is room":    {MaxPublished - 1, retired, retired.Add(p.AnnounceFor())},
		"seven must go, while the next gets to everyone": {MaxPublished + 6, retired.Add(time.Minute), gone(6)},
	} {
		t.Run(name, func(t *testing.T) {
			r := fullRing(c.published, retired, c.announced)
			var soon *TooSoonError
			for _, now := range []time.Time{retired, c.want.Add(-1)} {
				if _, err := planRotation(r, now, p, false); !errors.As(err, &soon) || !soon.SafeFrom.Equal(c.want) {
					t.Errorf("at %s: %v; want %s", now, err, c.want)
				}
				if o := forecast(r, nil, now, p); !o.SafeToRotate.Equal(c.want) {
					t.Errorf("at %s the list tells %s; want %s", now, o.SafeToRotate, c.want)
				}
			}
			steps, err := planRotation(r, c.want, p, false)
			if err != nil {
				t.Fatalf("at the date that was told: %v", err)
			}
			after := Ring{Keys: slices.Clone(r.Keys)}
			for _, s := range steps {
				after = applied(t, after, s, c.want)
			}
			if n := after.published(); n > MaxPublished {
				t.Errorf("it publishes %d keys", n)
			}
		})
	}
}

// What is told to come comes, at the second that was told, if nobody interferes: in every ring, full ones among them.
func TestForecastsComeTrue(t *testing.T) {
	p := testPolicy
	for _, n := range []int{2, 3, MaxPublished - 1, MaxPublished, MaxPublished + 5} {
		for _, announced := range []time.Time{epoch, epoch.Add(p.Period - time.Minute)} {
			r := fullRing(n, epoch.Add(p.Period-time.Minute), announced)
			now := epoch.Add(p.Period - time.Second)
			o := forecast(r, nil, now, p)
			told := o.Keys[slices.IndexFunc(o.Keys, func(f Forecast) bool { return f.State == Announced })].ActiveFrom
			if until := o.Keys[0].ActiveUntil; !until.Equal(told) {
				t.Errorf("%d keys: one signs until %s, the next from %s", n, until, told)
			}
			for at := now; ; at = at.Add(time.Second) {
				steps := Plan(r, at, p)
				for _, s := range steps {
					r = applied(t, r, s, at)
				}
				if r.in(Active)[0].ID == "a" {
					if at.After(told) {
						t.Fatalf("%d keys: %s came and nothing happened", n, told)
					}
					continue
				}
				if !at.Equal(told) {
					t.Errorf("%d keys: told for %s, it came at %s", n, told, at)
				}
				break
			}
		}
	}
}
