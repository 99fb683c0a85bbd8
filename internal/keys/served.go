package keys

import (
	"context"
	"fmt"
	"time"
)

// Replicas may have different settings, as while a new max-age is rolled out, and what the one answers counts for the key that the other
// promotes. So each records how it answers before it does, and all go by the largest that somebody may still hold.

// shortestServed is for how long a replica records at least that it answers as it does.
const shortestServed = 24 * time.Hour

// servedFor is for how long a replica records that; half of it before the end it records it anew.
func (p Policy) servedFor() time.Duration { return max(shortestServed, 4*p.Lease) }

// widened is the policy with the longest max-age and lease of any answer that somebody may hold.
func (p Policy) widened(r Ring) Policy {
	wide := p
	for _, s := range r.Served {
		as := p
		as.MaxAge, as.Lease = s.MaxAge, s.Lease
		if r.At.Before(s.Until.Add(as.AnnounceFor())) {
			wide.MaxAge, wide.Lease = max(wide.MaxAge, s.MaxAge), max(wide.Lease, s.Lease)
		}
	}
	return wide
}

// servedUntil is until when replicas with this policy have recorded that they answer so. The zero time: they have not.
func (r Ring) servedUntil(p Policy) time.Time {
	for _, s := range r.Served {
		if s.MaxAge == p.MaxAge && s.Lease == p.Lease {
			return s.Until
		}
	}
	return time.Time{}
}

// serve records how this replica answers, unless that stands there for long enough, and reads it back: a view that does not say so is
// not served.
func (k *Keeper) serve(ctx context.Context) error {
	p := k.deps.Policy
	if v := k.view.Load(); v != nil && v.ring.servedUntil(p).Sub(v.ring.At) > p.servedFor()/2 {
		return nil
	}
	if err := k.deps.Store.ServeKeySet(ctx, p.MaxAge, p.Lease, p.servedFor()); err != nil {
		return fmt.Errorf("record how the key set is served: %w", err)
	}
	return k.Refresh(ctx)
}
