package tokens

import (
	"fmt"
	"math"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const millisecond = time.Millisecond

// plan is a checked request: what token to make, and for how long.
type plan struct {
	machine      m2m.Machine
	format       m2m.Format
	claims       m2m.Claims
	lifetime     time.Duration // 0: endless
	minRemaining time.Duration
}

func (s *Service) plan(machine m2m.Machine, r Request) (plan, error) {
	p := plan{machine: machine, format: r.Format}
	if p.format == "" {
		p.format = machine.DefaultFormat
	}
	if s.mode(p.format) == nil {
		return plan{}, fault("token_format", m2m.WrongValue, `must be "opaque" or "jwt"`)
	}
	var err error
	if p.machine.Scopes, err = narrow(machine.Scopes, r.Scopes, r.Resources); err != nil {
		return plan{}, err
	}
	if p.lifetime, err = s.lifetime(machine, p.format, r.Seconds); err != nil {
		return plan{}, err
	}
	if p.claims, err = checkClaims(r.Claims); err != nil {
		return plan{}, err
	}
	if r.MinRemaining != nil {
		p.minRemaining, err = minRemaining(*r.MinRemaining, p.lifetime)
	}
	return p, err
}

// lifetime decides how long a token lives (R25). Asked for too much is a fault; a default that is too much for a JWT is cut.
func (s *Service) lifetime(m m2m.Machine, f m2m.Format, seconds *float64) (time.Duration, error) {
	limit := m2m.MaxTTL
	if f == m2m.JWT {
		limit = s.JWTMaxTTL
	}
	if seconds != nil {
		// Written so that a NaN fails too.
		if n := *seconds; !(n > 0 && n <= limit.Seconds()) {
			return 0, &m2m.FieldError{
				Field: "seconds_until_expiration", Reason: m2m.WrongValue, Most: limit,
				Message: fmt.Sprintf("must be more than 0 and at most %.0f for a token of format %q, or null for the machine's default", limit.Seconds(), f),
			}
		}
		return max(time.Duration(math.Ceil(*seconds*1e3))*millisecond, millisecond), nil
	}
	switch {
	case m.Endless && f == m2m.Opaque:
		return 0, nil
	case m.Endless || m.DefaultTTL > limit:
		return limit, nil
	case m.DefaultTTL <= 0: // no row says so; doubt denies an endless token
		return 0, fmt.Errorf("machine %s has no default lifetime", m.ID)
	default:
		return m.DefaultTTL, nil
	}
}

func minRemaining(seconds int64, lifetime time.Duration) (time.Duration, error) {
	limit := m2m.MaxTTL
	if lifetime > 0 {
		limit = lifetime
	}
	if seconds < 0 || float64(seconds) >= limit.Seconds() {
		return 0, fault("min_remaining_ttl_seconds", m2m.WrongValue, "must be at least 0 and less than the lifetime of the token")
	}
	return time.Duration(seconds) * time.Second, nil
}

// times gives issue and expiry in whole seconds, expiry rounded up; a zero expiry is none.
func (p plan) times(now time.Time) (issued, expires time.Time) {
	issued = now.Truncate(time.Second)
	if p.lifetime == 0 {
		return issued, time.Time{}
	}
	end := now.Add(p.lifetime)
	expires = end.Truncate(time.Second)
	if expires.Before(end) {
		expires = expires.Add(time.Second)
	}
	return issued, expires
}
