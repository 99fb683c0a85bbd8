package keys

import (
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Step is one step of one key that is due. An empty Key is one that has yet to be made; its From is empty too.
type Step struct {
	Key      m2m.KeyID
	From, To State
}

// Plan tells what is due in the ring at now. It is a function of its arguments and nothing else, and what it gives is to be applied
// in one commit and in its order: at no point of it do two keys sign. Applied, it leaves nothing due at the same now.
func Plan(r Ring, now time.Time, p Policy) []Step {
	var steps []Step
	announced := r.in(Announced)
	active := r.in(Active)
	switch {
	case len(active) == 0:
		steps, announced = promote(steps, announced)
	case len(announced) > 0 && !now.Before(p.DueAt(active[0])) && !now.Before(p.ReadyAt(announced[0])):
		steps = append(steps, Step{active[0].ID, Active, Retiring})
		steps, announced = promote(steps, announced)
	}
	if len(announced) == 0 {
		steps = append(steps, Step{To: Announced})
	}
	for _, k := range r.in(Retiring) {
		if !now.Before(p.RemovableAt(k)) {
			steps = append(steps, Step{k.ID, Retiring, Removed})
		}
	}
	return steps
}

// TooSoonError refuses a rotation that would make a key sign that verifiers may not have yet.
type TooSoonError struct {
	SafeFrom time.Time
}

// Error tells the date from which it is safe.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("the next key is not with every verifier yet: rotating is safe from %s", e.SafeFrom.UTC().Format(time.RFC3339))
}

// planRotation makes the announced key sign now. *TooSoonError: verifiers may not have it yet, and force is not set.
func planRotation(r Ring, now time.Time, p Policy, force bool) ([]Step, error) {
	announced := r.in(Announced)
	if !force && len(announced) == 0 {
		return nil, &TooSoonError{SafeFrom: now.Add(p.AnnounceFor())}
	}
	if !force && now.Before(p.ReadyAt(announced[0])) {
		return nil, &TooSoonError{SafeFrom: p.ReadyAt(announced[0])}
	}
	var steps []Step
	for _, k := range r.in(Active) {
		steps = append(steps, Step{k.ID, Active, Retiring})
	}
	return succeed(steps, announced), nil
}

// planCompromise takes a key out of use, from whatever state. If it signed, the announced key that verifiers have the longest signs from
// now on. m2m.ErrNotFound: there is no such key.
func planCompromise(r Ring, kid m2m.KeyID) ([]Step, error) {
	var bad *Key
	for i := range r.Keys {
		if r.Keys[i].ID == kid {
			bad = &r.Keys[i]
		}
	}
	if bad == nil {
		return nil, m2m.ErrNotFound
	}
	if bad.State == Compromised {
		return nil, nil
	}
	steps := []Step{{kid, bad.State, Compromised}}
	var announced []Key
	for _, k := range r.in(Announced) {
		if k.ID != kid {
			announced = append(announced, k)
		}
	}
	if bad.State == Active {
		return succeed(steps, announced), nil
	}
	if len(announced) == 0 {
		steps = append(steps, Step{To: Announced})
	}
	return steps, nil
}

// succeed promotes the oldest announced key and sees to it that there is another.
func succeed(steps []Step, announced []Key) []Step {
	steps, announced = promote(steps, announced)
	if len(announced) == 0 {
		steps = append(steps, Step{To: Announced})
	}
	return steps
}

// promote makes the oldest announced key sign, or a new one if there is none: without a key nobody could be served, and a set without
// keys cannot have been kept by anyone.
func promote(steps []Step, announced []Key) ([]Step, []Key) {
	if len(announced) == 0 {
		return append(steps, Step{To: Active}), nil
	}
	return append(steps, Step{announced[0].ID, Announced, Active}), announced[1:]
}

// in gives the keys in a state, in the order of the ring.
func (r Ring) in(s State) []Key {
	var out []Key
	for _, k := range r.Keys {
		if k.State == s {
			out = append(out, k)
		}
	}
	return out
}
