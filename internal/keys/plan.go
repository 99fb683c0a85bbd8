package keys

import (
	"errors"
	"fmt"
	"slices"
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
	case len(announced) > 0 && !now.Before(p.DueAt(active[0])) && !now.Before(p.ReadyAt(announced[0])) && !now.Before(roomAt(r, p)):
		steps = append(steps, Step{active[0].ID, Active, Retiring})
		steps, announced = promote(steps, announced)
	}
	if len(announced) == 0 {
		steps = append(steps, Step{To: Announced})
	}
	return append(steps, removals(r, now, p)...)
}

// removals are the steps of those keys that nothing needs any more.
func removals(r Ring, now time.Time, p Policy) []Step {
	var steps []Step
	for _, k := range r.in(Retiring) {
		if !now.Before(p.RemovableAt(k)) {
			steps = append(steps, Step{k.ID, Retiring, Removed})
		}
	}
	return steps
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

// planRotation makes the announced key sign now, and takes along what is due to be removed: it may be what makes room. *TooSoonError: that
// would break verifiers, and force is not set.
func planRotation(r Ring, now time.Time, p Policy, force bool) ([]Step, error) {
	if soon := tooSoon(r, now, p); soon != nil && !force {
		return nil, soon
	}
	var steps []Step
	for _, k := range r.in(Active) {
		steps = append(steps, Step{k.ID, Active, Retiring})
	}
	return append(succeed(steps, r.in(Announced)), removals(r, now, p)...), nil
}

// tooSoon tells why and until when a rotation would break verifiers; nil: it would not.
func tooSoon(r Ring, now time.Time, p Policy) *TooSoonError {
	soon := &TooSoonError{SafeFrom: now.Add(p.AnnounceFor()), Why: "the next key is not with every verifier yet"}
	if announced := r.in(Announced); len(announced) > 0 {
		soon.SafeFrom = p.ReadyAt(announced[0])
	}
	if room := roomAt(r, p); room.After(soon.SafeFrom) {
		soon = &TooSoonError{SafeFrom: room, Why: fmt.Sprintf("the key set holds %d keys, and verifiers take no more than %d", r.published(), MaxPublished)}
	}
	if !now.Before(soon.SafeFrom) {
		return nil
	}
	return soon
}

// roomAt is from when on a rotation leaves no more than MaxPublished keys: when enough of those that retire may go. The zero time: there
// is room. A rotation announces one key, unless there are several already.
func roomAt(r Ring, p Policy) time.Time {
	more := r.published() - MaxPublished
	if len(r.in(Announced)) <= 1 {
		more++
	}
	var gone []time.Time
	for _, k := range r.in(Retiring) {
		gone = append(gone, p.RemovableAt(k))
	}
	if more <= 0 || len(gone) == 0 {
		return time.Time{}
	}
	slices.SortFunc(gone, time.Time.Compare)
	return gone[min(more, len(gone))-1]
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
