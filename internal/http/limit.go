package httpapi

import (
	"errors"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/dualmint/dualmint/internal/secret"
)

// Limits bounds how many requests a second one party may send (R57). One second's worth may come at once. 0: no limit. They hold for
// this process alone.
type Limits struct {
	PerCredential int // a token of a batch counts as a request, the whole batch as a second's worth at most
	PerAddress    int // an IPv6 network of /64 counts as one address; a token of a batch as above while nobody knows who asks
}

// maxParties bounds the memory of a limiter: about 200 bytes each, twice.
const maxParties = 50_000

// limiters is both limits. Credentials are remembered by their hash, before anybody knows whose they are, so that guesses count too.
type limiters struct {
	credentials *limiter[secret.Hash]
	addresses   *limiter[netip.Addr]
}

func newLimiters(l Limits) *limiters {
	return &limiters{credentials: newLimiter[secret.Hash](l.PerCredential), addresses: newLimiter[netip.Addr](l.PerAddress)}
}

// credential counts one request of whoever holds the credential.
func (l *limiters) credential(c secret.Text, now time.Time) error {
	if l.credentials.perSecond == 0 {
		return nil // and nothing is hashed
	}
	return l.holder(secret.HashOf(c), now)
}

// holder counts one request of whoever holds the credential of this hash.
func (l *limiters) holder(h secret.Hash, now time.Time) error {
	if l.credentials.perSecond == 0 {
		return nil
	}
	return l.credentials.take(h, now, 1)
}

// moreOfCredential counts the further n questions of a request that has been counted once.
func (l *limiters) moreOfCredential(c secret.Text, now time.Time, n int) error {
	if l.credentials.perSecond == 0 {
		return nil
	}
	return l.credentials.more(secret.HashOf(c), now, n)
}

// address counts one request from an address. An unknown address is a party like any other.
func (l *limiters) address(addr netip.Addr, now time.Time) error {
	if l.addresses.perSecond == 0 {
		return nil
	}
	return l.addresses.take(network(addr), now, 1)
}

// moreOfAddress is moreOfCredential for the address.
func (l *limiters) moreOfAddress(addr netip.Addr, now time.Time, n int) error {
	if l.addresses.perSecond == 0 {
		return nil
	}
	return l.addresses.more(network(addr), now, n)
}

// network is what counts as one address.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// limiter keeps one bucket a party in two generations: when the young one is full it becomes the old one, and the old one is
// forgotten. A party that keeps coming is carried over.
type limiter[K comparable] struct {
	perSecond int

	mu    sync.Mutex // guards what follows
	young map[K]*rate.Limiter
	old   map[K]*rate.Limiter
}

func newLimiter[K comparable](perSecond int) *limiter[K] {
	return &limiter[K]{perSecond: max(perSecond, 0), young: map[K]*rate.Limiter{}}
}

// more counts n further questions of a request that take has counted. They are never more than a full bucket still holds then, else a
// batch larger than the rate could not pass at any time.
func (l *limiter[K]) more(key K, now time.Time, n int) error {
	return l.take(key, now, min(n, l.perSecond-1))
}

// take counts n requests, which are no more than perSecond. The error is *tooManyError.
func (l *limiter[K]) take(key K, now time.Time, n int) error {
	r := l.bucket(key).ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	return &tooManyError{after: wait}
}

func (l *limiter[K]) bucket(key K) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.young[key]; b != nil {
		return b
	}
	b := l.old[key]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(l.perSecond), l.perSecond)
	}
	if len(l.young) >= maxParties {
		l.old, l.young = l.young, map[K]*rate.Limiter{}
	}
	l.young[key] = b
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
