package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Whoever is asked about a token with an unknown kid has to tell a forged one from one that another replica has begun to sign with since
// the ring was read, as after two compromises in a row. A reading that began after the question tells; and anybody may send any kid, so
// there is one reading for all who ask at a time, and a pause between two.
const (
	recheckPause    = 100 * time.Millisecond
	recheckPatience = time.Second // for the pause and a reading, and for whoever waits for one
)

// Recheck makes PublicKey's "no such key" an answer: nil says that the store was read since the moment asked, or that the key is out of use
// for ever. m2m.ErrUnavailable: that cannot be told now, and the token is neither good nor bad (I6).
func (k *Keeper) Recheck(ctx context.Context, kid m2m.KeyID, asked time.Time) error {
	if k.told(kid, asked) {
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	select {
	case k.rechecking <- struct{}{}:
		defer func() { <-k.rechecking }()
	case <-patient.Done():
		return notLooked(context.Cause(patient))
	}
	if k.told(kid, asked) { // whoever was first has read
		return nil
	}
	if !k.failedAt.IsZero() && age(k.failedAt, k.deps.Now()) < recheckPause {
		return notLooked(nil)
	}
	if err := k.pause(patient); err != nil {
		return notLooked(err)
	}
	// The reading is for everybody who waits: it does not end with the one who began it.
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), recheckPatience)
	defer cancel()
	if err := k.Refresh(reading); err != nil {
		k.failedAt = k.deps.Now()
		return notLooked(err)
	}
	return nil
}

// pause waits until a tenth of a second has passed since the last reading.
func (k *Keeper) pause(ctx context.Context) error {
	v := k.view.Load()
	if v == nil {
		return nil
	}
	over := time.NewTimer(recheckPause - age(v.readAt, k.deps.Now())) // at once if that is over
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func notLooked(cause error) error {
	return fmt.Errorf("look for an unknown key: %w", errors.Join(m2m.ErrUnavailable, cause))
}

// told tells whether a reading would teach nothing about a kid: it is known, or the ring was read since the question.
func (k *Keeper) told(kid m2m.KeyID, asked time.Time) bool {
	v := k.view.Load()
	return v != nil && (v.ring.knows(kid) == nil || !v.readAt.Before(asked))
}

// age tells how long ago something was, by whichever clock says more; before its time it is as old as can be.
func age(since, now time.Time) time.Duration {
	ticked, passed := elapsed(since, now)
	if passed < 0 {
		return recheckPause
	}
	return max(ticked, passed)
}
