package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// rotation is planRotation within what verifiers take: a rotation after which the key set would hold more than MaxPublished keys is refused
// even with force, because then nobody who verifies strictly could verify anything (R32).
func rotation(r Ring, now time.Time, p Policy, force bool) ([]Step, error) {
	steps, err := planRotation(r, now, p, force)
	forced := steps
	if err != nil {
		if forced, _ = planRotation(r, now, p, true); forced == nil {
			return nil, err
		}
	}
	full := crowded(r, forced, now, p)
	if full == nil {
		return steps, err
	}
	if soon, ok := errors.AsType[*TooSoonError](err); ok {
		full.SafeFrom = latest(full.SafeFrom, soon.SafeFrom)
	}
	return nil, full
}

// crowded refuses steps after which there would be too many keys in the set; nil: there would not.
func crowded(r Ring, steps []Step, now time.Time, p Policy) *TooSoonError {
	n := r.published()
	leaving := map[State]bool{Removed: true, Compromised: true}
	for _, s := range steps {
		switch {
		case s.From == "":
			n++
		case leaving[s.To]:
			n--
		}
	}
	if n <= MaxPublished {
		return nil
	}
	var leave []time.Time // when those that are not leaving now may
	for _, k := range r.in(Retiring) {
		if !slices.ContainsFunc(steps, func(s Step) bool { return s.Key == k.ID && leaving[s.To] }) {
			leave = append(leave, p.RemovableAt(k))
		}
	}
	slices.SortFunc(leave, time.Time.Compare)
	full := &TooSoonError{Firm: true, SafeFrom: now.Add(p.RetireFor()), Why: fmt.Sprintf(
		"the key set would hold %d keys, and verifiers refuse a set of more than %d whole; wait for retiring keys to leave it, or compromise one", n, MaxPublished)}
	if over := min(n-MaxPublished, len(leave)); over > 0 {
		full.SafeFrom = leave[over-1]
	}
	return full
}
