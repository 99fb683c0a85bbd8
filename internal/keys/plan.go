package keys

import (
	"errors"
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
	var removals []Step
	for _, k := range r.in(Retiring) {
		if !now.Before(p.RemovableAt(k)) {
			removals = append(removals, Step{k.ID, Retiring, Removed})
		}
	}
	var steps []Step
	announced := r.in(Announced)
	active := r.in(Active)
	room := r.published()-len(removals) < MaxPublished
	switch {
	case len(active) == 0:
		steps, announced = promote(steps, announced)
	case len(announced) > 0 && room && !now.Before(p.DueAt(active[0])) && !now.Before(p.ReadyAt(announced[0])):
		steps = append(steps, Step{active[0].ID, Active, Retiring})
		steps, announced = promote(steps, announced)
	}
	if len(announced) == 0 {
		steps = append(steps, Step{To: Announced})
	}
	return append(steps, removals...)
}

// ErrTooSoon is what every TooSoonError is.
var ErrTooSoon = errors.New("rotating now would break verifiers")

// TooSoonError refuses a rotation that would break verifiers.
type TooSoonError struct {
	SafeFrom time.Time
	Why      string
	Firm     bool // force does not allow it either
}

// Error tells why, and the date from which it is safe.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("%s: rotating is safe from %s", e.Why, e.SafeFrom.UTC().Format(time.RFC3339))
}

// Is makes it an ErrTooSoon.
func (e *TooSoonError) Is(target error) bool { return target == ErrTooSoon }

// planRotation makes the announced key sign now. *TooSoonError: that would break verifiers, and force is not set.
func planRotation(r Ring, now time.Time, p Policy, force bool) ([]Step, error) {
	if soon := tooSoon(r, now, p); soon != nil && !force {
		return nil, soon
	}
	var steps []Step
	for _, k := range r.in(Active) {
		steps = append(steps, Step{k.ID, Active, Retiring})
	}
	return succeed(steps, r.in(Announced)), nil
}

// tooSoon tells why and until when a rotation would break verifiers; nil: it would not.
func tooSoon(r Ring, now time.Time, p Policy) *TooSoonError {
	safe := now
	if announced := r.in(Announced); len(announced) > 0 {
		safe = p.ReadyAt(announced[0])
	} else {
		safe = safe.Add(p.AnnounceFor())
	}
	if now.Before(safe) {
		return &TooSoonError{SafeFrom: safe, Why: "the next key is not with every verifier yet"}
	}
	retiring := r.in(Retiring)
	if len(retiring) == 0 || r.published() < MaxPublished {
		return nil
	}
	safe = p.RemovableAt(retiring[0])
	for _, k := range retiring[1:] {
		if at := p.RemovableAt(k); at.Before(safe) {
			safe = at
		}
	}
	if !now.Before(safe) {
		return nil // it is removed at the next look
	}
	return &TooSoonError{SafeFrom: safe, Why: fmt.Sprintf("the key set holds %d keys, and verifiers take no more", r.published())}
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

// published counts the keys that verifiers are to have.
func (r Ring) published() int {
	n := 0
	for _, k := range r.Keys {
		if k.published() {
			n++
		}
	}
	return n
}

// knows gives m2m.ErrNotFound unless the ring holds the key.
func (r Ring) knows(kid m2m.KeyID) error {
	for _, k := range r.Keys {
		if k.ID == kid {
			return nil
		}
	}
	return m2m.ErrNotFound
}
