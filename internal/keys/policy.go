package keys

import (
	"errors"
	"fmt"
	"time"
)

// Policy is what the dates of every key follow from. Begin with DefaultPolicy: the zero Policy is an impossible one.
type Policy struct {
	// MaxAge is how long whoever fetched the key set may keep it: Cache-Control max-age, whole seconds.
	MaxAge time.Duration
	// Refresh is the interval at which a replica re-reads the ring.
	Refresh time.Duration
	// Lease is how old a replica's copy of the ring may become before it stops publishing and signing; longer than Refresh.
	Lease time.Duration
	// Margin is for what clocks differ by: those of the replicas, of the database, of whoever caches.
	Margin time.Duration
	// Period is how long a key signs before the next one does.
	Period time.Duration
	// TokenTTL is the longest life of a token. Lowering it below the life of tokens that are still about makes them unverifiable early,
	// if their key is about to be removed.
	TokenTTL time.Duration
}

// verifierLeeway is how long after its expiry a verifier may still accept a token (R30), and so needs its key.
const verifierLeeway = time.Minute

const (
	minMargin  = 5 * time.Second // replicas that are ready differ by up to four
	maxSetting = 10 * 365 * 24 * time.Hour
)

// DefaultPolicy rotates every thirty days, for tokens that live up to tokenTTL.
func DefaultPolicy(tokenTTL time.Duration) Policy {
	return Policy{
		MaxAge: 10 * time.Minute, Refresh: 10 * time.Second, Lease: 30 * time.Second, Margin: time.Minute,
		Period: 30 * 24 * time.Hour, TokenTTL: tokenTTL,
	}
}

// Validate gives every reason why no keeper could keep the promises of this policy.
func (p Policy) Validate() error {
	var faults []error
	refuse := func(bad bool, format string, a ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("key policy: "+format, a...))
		}
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"max-age", p.MaxAge},
		{"refresh interval", p.Refresh},
		{"lease", p.Lease},
		{"margin", p.Margin},
		{"rotation period", p.Period},
		{"longest token life", p.TokenTTL},
	} {
		refuse(f.d <= 0 || f.d > maxSetting, "%s %s is not between 0 and ten years", f.name, f.d)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	refuse(p.MaxAge%time.Second != 0, "max-age %s is not whole seconds", p.MaxAge)
	refuse(p.Lease <= p.Refresh, "lease %s is not longer than the refresh interval %s", p.Lease, p.Refresh)
	refuse(p.Margin < minMargin, "margin %s is less than %s", p.Margin, minMargin)
	refuse(p.Period < p.AnnounceFor(), "rotation period %s is shorter than the %s for which a key must be published before it signs", p.Period, p.AnnounceFor())
	return errors.Join(faults...)
}

// AnnounceFor is how long a key is published before it signs (R39). A replica may answer with a copy of the ring that is a lease old, and
// that answer may be kept for max-age.
func (p Policy) AnnounceFor() time.Duration { return p.MaxAge + p.Lease + p.Margin }

// RetireFor is how long a key stays published after it signed for the last time.
func (p Policy) RetireFor() time.Duration { return p.TokenTTL + verifierLeeway + p.Margin }

// ForgottenAfter is how long after its compromise a key may still be trusted by those who verify offline.
func (p Policy) ForgottenAfter() time.Duration { return p.Lease + p.MaxAge }

// ReadyAt is from when on an announced key may sign.
func (p Policy) ReadyAt(k Key) time.Time { return k.CreatedAt.Add(p.AnnounceFor()) }

// DueAt is when an active key is to be followed by the next one.
func (p Policy) DueAt(k Key) time.Time { return k.ActivatedAt.Add(p.Period) }

// RemovableAt is from when on nothing needs a retiring key any more.
func (p Policy) RemovableAt(k Key) time.Time { return k.RetiredAt.Add(p.RetireFor()) }
