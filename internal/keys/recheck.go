package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Whoever is asked about a token with an unknown kid has to tell a forged one from one that another replica has begun to sign with since
// the ring was read, as after two compromises in a row. Reading the ring tells; and anybody may send any kid, so there is one reading for
// all who ask at a time, and none within recheckPause of the last.
const (
	recheckPause    = 100 * time.Millisecond
	recheckPatience = time.Second // for a reading, and for whoever waits for one
)

// Recheck makes PublicKey's "no such key" an answer: nil says that it was read from the store no longer ago than a tenth of a second, or
// that the key is out of use for ever. m2m.ErrUnavailable: that cannot be told now, and the token is neither good nor bad (I6).
func (k *Keeper) Recheck(ctx context.Context, kid m2m.KeyID) error {
	if k.told(kid) {
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	select {
	case k.rechecking <- struct{}{}:
		defer func() { <-k.rechecking }()
	case <-patient.Done():
		return fmt.Errorf("look for an unknown key: %w: %w", m2m.ErrUnavailable, context.Cause(patient))
	}
	if k.told(kid) { // whoever was first has read
		return nil
	}
	if !k.failedAt.IsZero() && young(k.failedAt, k.deps.Now(), recheckPause) {
		return fmt.Errorf("look for an unknown key: %w", m2m.ErrUnavailable)
	}
	// The reading is for everybody who waits: it does not end with the one who began it.
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), recheckPatience)
	defer cancel()
	if err := k.Refresh(reading); err != nil {
		k.failedAt = k.deps.Now()
		return fmt.Errorf("look for an unknown key: %w", errors.Join(m2m.ErrUnavailable, err))
	}
	return nil
}

// told tells whether nothing is to be learned about a kid: it is known, or the ring was read a moment ago.
func (k *Keeper) told(kid m2m.KeyID) bool {
	v := k.view.Load()
	if v == nil {
		return false
	}
	return v.ring.knows(kid) == nil || young(v.readAt, k.deps.Now(), recheckPause)
}

// young tells whether less than d has passed, by either clock.
func young(since, now time.Time, d time.Duration) bool {
	ticked, passed := elapsed(since, now)
	return max(ticked, passed) < d && passed >= 0
}
