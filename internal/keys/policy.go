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
	// Laggards is how long widespread verifiers keep a key set although its max-age is over; zero: nobody does.
	Laggards time.Duration
	// Refresh is the interval at which a replica re-reads the ring.
	Refresh time.Duration
	// Lease is how old a replica's copy of the ring may become before it stops publishing and signing; longer than Refresh.
	Lease time.Duration
	// Margin is for what the dates of keys do not say: the time from the date of a step to its commit (LongestChange), that from a
	// replica's answer to whoever keeps it, and what clocks gain on each other meanwhile.
	Margin time.Duration
	// Period is how long a key signs before the next one does.
	Period time.Duration
	// TokenTTL is the longest life of a token.
	TokenTTL time.Duration
}

// verifierLeeway is how long after its expiry a verifier may still accept a token (R30), and so needs its key.
const verifierLeeway = time.Minute

// MaxPublished is how many keys a key set may hold: a strict verifier takes no larger one (R32).
const MaxPublished = 20

// laggards is what jwx v2 does by default: it fetches every 15 minutes at the soonest, on a clock of its own that ticks every 15 minutes.
const laggards = 30 * time.Minute

const (
	minMargin  = LongestChange + time.Second
	maxSetting = 10 * 365 * 24 * time.Hour
)

// DefaultPolicy rotates every thirty days, for tokens that live up to tokenTTL.
func DefaultPolicy(tokenTTL time.Duration) Policy {
	return Policy{
		MaxAge: 10 * time.Minute, Laggards: laggards, Refresh: 10 * time.Second, Lease: 30 * time.Second, Margin: time.Minute,
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
	refuse(p.Laggards < 0 || p.Laggards > maxSetting, "patience with laggards %s is not between 0 and ten years", p.Laggards)
	refuse(p.MaxAge%time.Second != 0, "max-age %s is not whole seconds", p.MaxAge)
	refuse(p.Lease <= p.Refresh, "lease %s is not longer than the refresh interval %s", p.Lease, p.Refresh)
	refuse(p.Margin < minMargin, "margin %s is less than %s", p.Margin, minMargin)
	refuse(p.Period < p.AnnounceFor(), "rotation period %s is shorter than the %s for which a key must be published before it signs", p.Period, p.AnnounceFor())
	refuse(p.published() > MaxPublished, "rotating every %s with tokens that live up to %s would publish %d keys, and verifiers take %d",
		p.Period, p.TokenTTL, p.published(), MaxPublished)
	return errors.Join(faults...)
}

// AnnounceFor is how long a key is published before it signs (R39). A replica may answer with a copy of the ring that is a lease old, and
// that answer may be kept for max-age, and by laggards longer.
func (p Policy) AnnounceFor() time.Duration { return max(p.MaxAge, p.Laggards) + p.Lease + p.Margin }

// RetireFor is how long a key stays published after it signed for the last time.
func (p Policy) RetireFor() time.Duration { return p.TokenTTL + verifierLeeway + p.Margin }

// ForgottenAfter is how long after its compromise a key may still be trusted by those who verify offline and keep to max-age (R41).
func (p Policy) ForgottenAfter() time.Duration { return p.Lease + p.MaxAge }

// LaggardsForgetAfter is the same for the widespread libraries that do not keep to it.
func (p Policy) LaggardsForgetAfter() time.Duration { return p.Lease + max(p.MaxAge, p.Laggards) }

// ReadyAt is from when on an announced key may sign.
func (p Policy) ReadyAt(k Key) time.Time { return k.CreatedAt.Add(p.AnnounceFor()) }

// DueAt is when an active key is to be followed by the next one.
func (p Policy) DueAt(k Key) time.Time { return k.ActivatedAt.Add(p.Period) }

// RemovableAt is from when on nothing needs a retiring key any more. What it did sign counts too: its tokens may have been given longer
// lives than this policy gives.
func (p Policy) RemovableAt(k Key) time.Time {
	at := k.RetiredAt.Add(p.RetireFor())
	if k.SignedUntil.IsZero() {
		return at
	}
	return latest(at, k.SignedUntil.Add(verifierLeeway+p.Margin))
}

// published is how many keys are in the set at most while nobody rotates by hand: the active one, the announced one, and those that
// retired within RetireFor, in whose last moment another one may retire.
func (p Policy) published() int { return 3 + int(p.RetireFor()/p.Period) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
