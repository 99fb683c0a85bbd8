package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// attempts bounds how often a change is decided anew because another replica was first. Each time that one has moved the ring on,
// and there is less left to do.
const attempts = 10

// tend reads the ring and takes the steps that are due.
func (k *Keeper) tend(ctx context.Context) error {
	return k.change(ctx, m2m.Actor{Kind: m2m.System}, false, func(r Ring, _ bool) ([]Step, error) {
		return Plan(r, r.At, k.deps.Policy.widened(r)), k.view.Load().sealed
	})
}

// Rotation is a rotation by hand.
type Rotation struct {
	Force bool // although it would break verifiers
	// Retire is the key that is to sign no more; empty: whichever signs. If another one signs already, there is nothing left to do:
	// whoever tells several replicas, or tells one again, names it.
	Retire m2m.KeyID
}

// Rotate makes the announced key sign now. *TooSoonError: that would break verifiers, and force is not set, or the key set would be too
// large, with force too. ErrSealed: the key that is to sign does not open. m2m.ErrNotFound: there is no key to retire. If another replica rotates in the same instant, its rotation is this one.
func (k *Keeper) Rotate(ctx context.Context, by m2m.Actor, how Rotation) error {
	var was []Key
	return k.change(ctx, by, how.Force, func(r Ring, again bool) ([]Step, error) {
		active := r.in(Active)
		if again && !sameKeys(was, active) {
			return nil, nil
		}
		was = active
		if how.Retire != "" && (len(active) == 0 || active[0].ID != how.Retire) {
			return nil, r.knows(how.Retire)
		}
		if err := k.view.Load().sealed; err != nil {
			return nil, err
		}
		return rotation(r, r.At, k.deps.Policy.widened(r), how.Force)
	})
}

// Compromise takes a key out of the key set and out of use at once; what it signed is refused by every online check from the moment
// this returns, and offline at the latest Policy.ForgottenAfter later (R41). If it was the one that signs, the announced key takes its
// place, or a new one where that does not open here. Again: nothing changes. m2m.ErrNotFound: there is no such key.
func (k *Keeper) Compromise(ctx context.Context, by m2m.Actor, kid m2m.KeyID) error {
	return k.change(ctx, by, false, func(r Ring, _ bool) ([]Step, error) {
		return planCompromise(k.view.Load().without(r, kid), kid)
	})
}

// change reads the ring, asks decide what to do, and does it if the ring is still the same; if not, it begins again, and says so. The
// clock that decides is the store's, which the ring carries: a replica whose own clock is wrong moves nothing before its time.
func (k *Keeper) change(ctx context.Context, by m2m.Actor, force bool, decide func(r Ring, again bool) ([]Step, error)) error {
	for attempt := range attempts {
		if err := k.Refresh(ctx); err != nil {
			return err
		}
		ring := k.view.Load().ring
		steps, err := decide(ring, attempt > 0)
		if err != nil || len(steps) == 0 {
			return err
		}
		changes, err := k.prepare(ring, steps)
		if err != nil {
			return err
		}
		for i := range changes {
			changes[i].Forced = force
		}
		err = k.deps.Store.ChangeRing(ctx, by, ring.Version, changes)
		if errors.Is(err, m2m.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("change key ring: %w", err)
		}
		return k.Refresh(ctx)
	}
	return fmt.Errorf("change key ring: others were first %d times: %w: %w", attempts, m2m.ErrUnavailable, m2m.ErrConflict)
}

// prepare turns steps into changes, making the keys that are to be new.
func (k *Keeper) prepare(r Ring, steps []Step) ([]Change, error) {
	changes := make([]Change, 0, len(steps))
	for _, s := range steps {
		key, err := k.stepped(r, s)
		if err != nil {
			return nil, err
		}
		changes = append(changes, Change{Key: key, From: s.From})
	}
	return changes, nil
}

func (k *Keeper) stepped(r Ring, s Step) (Key, error) {
	if s.Key == "" {
		return makeKey(k.deps.Sealer, s.To)
	}
	for _, key := range r.Keys {
		if key.ID == s.Key {
			key.State = s.To
			return key, nil
		}
	}
	return Key{}, fmt.Errorf("change key ring: no key %s", s.Key)
}

func sameKeys(a, b []Key) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID {
			return false
		}
	}
	return true
}
