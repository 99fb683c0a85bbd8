package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Deps is what a keeper needs. All of it is required but Logger.
type Deps struct {
	Store  Store
	Sealer *secret.Sealer
	Policy Policy
	Now    func() time.Time // for the age of the copy in memory; dates are the store's
	Logger *slog.Logger     // nil: failures of Run show as a key set that is not served, and nowhere else
}

// Keeper holds the ring in memory, keeps it fresh and moves it on. Every replica has one; they meet in the store only. Safe for
// concurrent use.
type Keeper struct {
	deps Deps
	view atomic.Pointer[view] // nil: nothing read yet

	asleep     chan struct{} // tells Run that the process was suspended; holds one word
	rechecking chan struct{} // holds one token: whoever takes it may read the ring for an unknown kid
	failedAt   time.Time     // when that last failed; belongs to whoever rechecks

	reading chan struct{} // holds one token: whoever takes it reads the ring
	begun   atomic.Uint64 // readings begun; raised by whoever reads
	ended   uint64        // the last one that succeeded; belongs to whoever reads
}

// New makes a keeper that knows nothing yet: Start first.
func New(d Deps) *Keeper {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &Keeper{deps: d, asleep: make(chan struct{}, 1), rechecking: make(chan struct{}, 1), reading: make(chan struct{}, 1)}
}

// Start reads the ring and makes what is missing: on the first start of all one active and one announced key. It fails closed:
// with an impossible policy, and when an active or announced key does not open with the master keys (R9).
func (k *Keeper) Start(ctx context.Context) error {
	if err := k.deps.Policy.Validate(); err != nil {
		return err
	}
	if err := k.serve(ctx); err != nil {
		return fmt.Errorf("start key ring: %w", err)
	}
	if err := k.tend(ctx); err != nil {
		return fmt.Errorf("start key ring: %w", err)
	}
	v := k.view.Load()
	if v.sealed != nil {
		return fmt.Errorf("start key ring: %w", v.sealed)
	}
	if v.active == "" {
		return errors.New("start key ring: no active key")
	}
	return nil
}

// Run re-reads the ring at the policy's interval and takes the steps that are due, until ctx ends. A failure is logged and tried again
// after a tenth of the interval; if that goes on for a lease, the keeper stops answering. After a suspension, which timers do not see, it
// reads at once.
func (k *Keeper) Run(ctx context.Context) error {
	next := time.NewTimer(k.deps.Policy.Refresh)
	defer next.Stop()
	asleep := k.asleep
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		case <-asleep:
		}
		wait := k.deps.Policy.Refresh
		asleep = k.asleep
		if err := k.tendInTime(ctx); err != nil && ctx.Err() == nil {
			k.deps.Logger.WarnContext(ctx, "tending the signing keys failed", "error", err)
			wait /= 10
			asleep = nil // it is known, and would be told by every request
		}
		next.Reset(wait)
	}
}

// tendInTime gives up early enough for a second attempt within the lease: a connection that hangs must not use all of it.
func (k *Keeper) tendInTime(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, (k.deps.Policy.Lease-k.deps.Policy.Refresh)/2)
	defer cancel()
	return errors.Join(k.tend(bounded), k.serve(bounded))
}

// JWKS gives the key set. m2m.ErrUnavailable: the copy of the ring is older than the lease, and an old set could miss a key or
// hold a compromised one.
func (k *Keeper) JWKS(context.Context) (Document, error) {
	v, err := k.fresh()
	if err != nil {
		return Document{}, err
	}
	return v.document, nil
}

// Signer gives the key that signs now. m2m.ErrUnavailable: there is none, or the copy of the ring is too old to tell. That it was the
// active key when the token is recorded is for the store to see (R40).
func (k *Keeper) Signer(context.Context) (m2m.KeyID, ed25519.PrivateKey, error) {
	v, err := k.fresh()
	if err != nil {
		return "", nil, err
	}
	if v.active == "" {
		return "", nil, fmt.Errorf("no signing key: %w", m2m.ErrUnavailable)
	}
	if v.private == nil {
		return "", nil, fmt.Errorf("no signing key: %w: %w", m2m.ErrUnavailable, v.sealed)
	}
	return v.active, v.private, nil
}

// Ready tells why this replica should not be asked: its copy of the ring is too old, or a key that signs, or is to, does not open.
func (k *Keeper) Ready(context.Context) error {
	v, err := k.fresh()
	if err != nil {
		return err
	}
	return v.sealed
}

// PublicKey finds a published key. Its state as of the last commit is for the online check to see; that is also why it answers from
// an old copy.
func (k *Keeper) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	v := k.view.Load()
	if v == nil {
		return nil, false
	}
	key, ok := v.public[kid]
	return key, ok
}

// fresh gives the view while its lease lasts.
func (k *Keeper) fresh() (*view, error) {
	v := k.view.Load()
	if v == nil {
		return nil, fmt.Errorf("key ring not read yet: %w", m2m.ErrUnavailable)
	}
	now := k.deps.Now()
	ticked, passed := elapsed(v.readAt, now)
	if max(ticked, passed) <= v.lease && passed >= -k.deps.Policy.Margin {
		return v, nil
	}
	if ticked <= v.lease {
		select {
		case k.asleep <- struct{}{}:
		default:
		}
	}
	return nil, fmt.Errorf("copy of the key ring too old: %w", m2m.ErrUnavailable)
}

// Refresh reads the ring anew. Callers who come while a reading is under way share the next one: what they see began after they
// asked.
func (k *Keeper) Refresh(ctx context.Context) error {
	asked := k.begun.Load()
	select {
	case k.reading <- struct{}{}:
		defer func() { <-k.reading }()
	case <-ctx.Done():
		return fmt.Errorf("read key ring: %w", context.Cause(ctx))
	}
	if k.ended > asked {
		return nil
	}
	mine := k.begun.Add(1)
	readAt := k.deps.Now()
	ring, err := k.deps.Store.Ring(ctx)
	if err != nil {
		return fmt.Errorf("read key ring: %w", err)
	}
	v, err := newView(ring, k.view.Load(), readAt, k.deps.Sealer, k.deps.Policy.MaxAge)
	if err != nil {
		return fmt.Errorf("read key ring: %w", err)
	}
	v.lease = min(k.deps.Policy.Lease, ring.servedUntil(k.deps.Policy).Sub(ring.At))
	k.view.Store(v)
	k.ended = mine
	return nil
}
