package keys

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// view is the ring as a replica holds it in memory, with what follows from it built once. It is never changed, only replaced.
type view struct {
	ring     Ring
	readAt   time.Time     // when the reading of the ring began, not when it ended
	lease    time.Duration // how old this view may become
	public   map[m2m.KeyID]ed25519.PublicKey
	document Document

	active  m2m.KeyID // empty: no key signs
	private ed25519.PrivateKey
	shut    map[m2m.KeyID]bool // the announced and active keys that do not open
	sealed  error              // nil: there are none; publishing goes on without them
}

// elapsed tells how much time has passed: by the monotonic clock, which stands still while a machine is suspended, and by the wall clock,
// which can be set. They agree unless one of that happened.
func elapsed(since, now time.Time) (ticked, passed time.Duration) {
	return now.Sub(since), now.Round(0).Sub(since.Round(0))
}

// newView builds a view, or takes over from the old one what an unchanged ring gives again. It refuses a ring in which a published key
// is not what its kid says.
func newView(r Ring, old *view, readAt time.Time, sealer *secret.Sealer, maxAge time.Duration) (*view, error) {
	if old != nil && old.ring.Version == r.Version && old.sealed == nil {
		next := *old
		next.ring, next.readAt = r, readAt
		return &next, nil
	}
	// The same order on every replica (R43), whatever the store's.
	slices.SortFunc(r.Keys, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	v := &view{ring: r, readAt: readAt, public: map[m2m.KeyID]ed25519.PublicKey{}, shut: map[m2m.KeyID]bool{}}
	var published []Key
	for _, k := range r.Keys {
		if !k.published() {
			continue
		}
		if err := k.check(); err != nil {
			return nil, err
		}
		published = append(published, k)
		v.public[k.ID] = k.Public
		if k.State == Retiring {
			continue
		}
		private, err := k.open(sealer)
		if err != nil {
			v.shut[k.ID] = true
			v.sealed = errors.Join(v.sealed, &SealedError{Key: k.ID, State: k.State, Version: k.Sealed.Version, cause: err})
		}
		if k.State != Active {
			clear(private)
			continue
		}
		if v.active != "" {
			return nil, errors.New("two active signing keys")
		}
		v.active, v.private = k.ID, private
	}
	var err error
	if v.document, err = document(published, maxAge); err != nil {
		return nil, fmt.Errorf("build key set: %w", err)
	}
	return v, nil
}
