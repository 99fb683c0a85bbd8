package verify

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const (
	coolDown   = 30 * time.Second // between fetches that nobody but an unknown kid asks for (R33)
	retryAfter = 5 * time.Second  // after a fetch that failed
	minFresh   = time.Minute      // whatever max-age says
	maxFresh   = 24 * time.Hour
	maxUnknown = 1024             // unknown kids that are remembered
	unknownFor = 10 * time.Minute // nobody fetches for the same one again; a refresh that brings it ends that too
)

// keys is one key set as it was fetched. It is never changed.
type keys struct {
	byID    map[m2m.KeyID]ed25519.PublicKey
	etag    string
	at      time.Time     // when the issuer last said that it is the set
	freshIn time.Duration // how long after at it needs no look
}

// keySet is the issuer's key set, kept current. It answers from memory; a set that is no longer fresh is fetched anew before it is used, and
// used all the same, up to MaxStale, only where that fails (R35). Fetches are one at a time. Safe for concurrent use.
type keySet struct {
	config Config
	ctx    context.Context //nolint:containedctx // the life of the Verifier, for fetches in the background
	done   *sync.WaitGroup
	held   atomic.Pointer[keys]

	mu      sync.Mutex // guards what follows
	flight  *flight    // the fetch under way, or nil
	tried   time.Time  // when the last fetch ended
	failed  error      // how it ended
	unknown map[m2m.KeyID]time.Time
}

type flight struct {
	ended chan struct{}
	err   error // read after ended
}

func newKeySet(ctx context.Context, c Config, done *sync.WaitGroup) *keySet {
	return &keySet{config: c, ctx: ctx, done: done, unknown: map[m2m.KeyID]time.Time{}}
}

// PublicKey finds a key in the set that is held.
func (k *keySet) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	set := k.held.Load()
	if set == nil {
		return nil, false
	}
	key, ok := set.byID[kid]
	return key, ok
}

// current gives the set to verify with. One past its max-age may hold a key that was compromised since (R41): whoever finds it so waits for
// the fetch, Timeout at the longest, and has the last good set if it fails. After a failure nobody waits again for a cool-down: the fetches go
// on in the background.
func (k *keySet) current(ctx context.Context) (*keys, error) {
	if k.ctx.Err() != nil {
		return nil, fmt.Errorf("%w: the Verifier is closed", ErrUnavailable)
	}
	set := k.held.Load()
	now := k.config.Now()
	if set != nil && now.Before(set.at.Add(set.freshIn)) {
		return set, nil
	}
	usable := set != nil && now.Before(set.at.Add(k.config.MaxStale))
	lately := k.triedSince(now.Add(-coolDown))
	f := k.start(retryAfter) //nolint:contextcheck // a fetch outlives the request that wants it
	if usable && (f == nil || lately) {
		return k.held.Load(), nil
	}
	if f == nil {
		return nil, fmt.Errorf("%w: no key set of the issuer is at hand", ErrUnavailable)
	}
	if err := f.wait(ctx); err != nil && (!usable || ctx.Err() != nil) {
		return nil, err
	}
	return k.held.Load(), nil
}

// triedSince tells whether a fetch has ended since.
func (k *keySet) triedSince(t time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried.After(t)
}

// learn fetches the set again for a kid that it does not have, at most once per cool-down whatever the kids are, and not at all for one
// that a set which was fetched for it lacked a short while ago (R33). A nil error says only that there is nothing more to wait for. While
// the set cannot be fetched, nobody knows whether there is such a key: ErrUnavailable.
func (k *keySet) learn(ctx context.Context, kid m2m.KeyID) error {
	k.mu.Lock()
	at, known := k.unknown[kid]
	k.mu.Unlock()
	if known && k.config.Now().Before(at.Add(unknownFor)) {
		return nil
	}
	f := k.start(coolDown) //nolint:contextcheck // a fetch outlives the request that wants it
	if f == nil {
		return k.trouble()
	}
	if err := f.wait(ctx); err != nil {
		return err
	}
	if _, ok := k.PublicKey(kid); !ok {
		k.forget(kid)
	}
	return nil
}

// forget remembers that there is no such key.
func (k *keySet) forget(kid m2m.KeyID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.unknown) >= maxUnknown {
		clear(k.unknown)
	}
	k.unknown[kid] = k.config.Now()
}

// trouble is how the last fetch ended.
func (k *keySet) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}

// start begins a fetch, or joins the one under way. Nil: the last one ended less than pause ago.
func (k *keySet) start(pause time.Duration) *flight {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != nil {
		return k.flight
	}
	if !k.tried.IsZero() && k.config.Now().Before(k.tried.Add(pause)) || k.ctx.Err() != nil {
		return nil
	}
	f := &flight{ended: make(chan struct{})}
	k.flight = f
	k.done.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, k.config.Timeout)
		defer cancel()
		set, err := k.fetch(ctx, k.held.Load())
		if err == nil {
			k.held.Store(set)
		}
		k.mu.Lock()
		k.flight, k.tried, k.failed, f.err = nil, k.config.Now(), err, err
		k.mu.Unlock()
		close(f.ended)
	})
	return f
}

// end waits until no fetch can begin any more. The context has ended before.
func (k *keySet) end() {
	k.mu.Lock() // start looks at the context under this lock
	defer k.mu.Unlock()
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.ended:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}
