package dashboard

import (
	"errors"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Sign-ins from one address: so many at once, then one every six seconds. The key has too many random bits to be guessed at any rate; the
// limit spares the database and the reader of the audit log.
const (
	signInsAtOnce  = 10
	signInsASecond = 1.0 / 6
)

// maxParties bounds the memory of a limiter.
const maxParties = 10_000

// limiter gives every address a bucket, in two generations: when the young one is full it becomes the old one, and the old one is
// forgotten. A party that keeps coming is carried over. An IPv6 network of /64 is one address (R57).
type limiter struct {
	perSecond float64 // 0: no limit
	atOnce    int

	mu    sync.Mutex // guards what follows
	young map[netip.Addr]*rate.Limiter
	old   map[netip.Addr]*rate.Limiter
}

func newLimiter(perSecond float64, atOnce int) *limiter {
	return &limiter{perSecond: perSecond, atOnce: atOnce, young: map[netip.Addr]*rate.Limiter{}}
}

// take counts one request. The error is *tooManyError.
func (l *limiter) take(addr netip.Addr, now time.Time) error {
	if l.perSecond <= 0 {
		return nil
	}
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	r := l.bucket(addr).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	return &tooManyError{after: wait}
}

func (l *limiter) bucket(addr netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.young[addr]; b != nil {
		return b
	}
	b := l.old[addr]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(l.perSecond), l.atOnce)
	}
	if len(l.young) >= maxParties {
		l.old, l.young = l.young, map[netip.Addr]*rate.Limiter{}
	}
	l.young[addr] = b
	return b
}

// tooManyError is errTooMany with the time after which the next request may come.
type tooManyError struct{ after time.Duration }

func (e *tooManyError) Error() string { return errTooMany.Error() }

func (e *tooManyError) Is(target error) bool { return target == errTooMany }

// retryAfter is how many whole seconds to wait, at least one.
func retryAfter(err error) int {
	if e, ok := errors.AsType[*tooManyError](err); ok {
		return max(int(math.Ceil(e.after.Seconds())), 1)
	}
	return 1
}
