package keys

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// State is where a signing key is in its life.
type State string

// The states, in the order of a life (R38). The empty State is none of them, and such a key is never used.
const (
	Announced   State = "announced" // published, does not sign yet
	Active      State = "active"    // signs; the database allows one
	Retiring    State = "retiring"  // published, no longer signs
	Removed     State = "removed"   // everything it signed has expired
	Compromised State = "compromised"
)

// Key is one signing key. The private half exists only sealed, in the place SealPlace(id) (R37), and of a removed or compromised key not at
// all.
type Key struct {
	ID            m2m.KeyID
	State         State
	Public        ed25519.PublicKey
	Sealed        secret.Sealed
	CreatedAt     time.Time // when it was announced
	ActivatedAt   time.Time // zero: not yet
	RetiredAt     time.Time
	RemovedAt     time.Time
	CompromisedAt time.Time
	// SignedUntil is when the last token that it signed expires; zero: it signed none. Stores tell it of retiring keys alone, where it
	// is final: nothing is recorded under them any more (R40).
	SignedUntil time.Time
}

// SealPlace is where the private half of a key is sealed.
func SealPlace(id m2m.KeyID) secret.Place {
	return secret.Place{Table: "signing_keys", ID: string(id)}
}

// Ring is all keys that are not yet forgotten, at one version. Removed and compromised ones stay in it as history.
type Ring struct {
	Version int64     // moves with every change
	At      time.Time // the store's clock at the reading, by which everything about keys is decided: it is the same for every replica
	Keys    []Key     // by CreatedAt, then ID
	Served  []Served  // by MaxAge, then Lease
}

// Served is how some replica may answer: with a key set that may be kept for MaxAge, from a copy of the ring that is up to Lease old, until
// Until at the latest.
type Served struct {
	MaxAge, Lease time.Duration
	Until         time.Time // by the store's clock
}

// Change is one step of one key.
type Change struct {
	Key  Key // the key as it is to be from now on, but for the date of this step; a new one when From is empty
	From State
	// Forced is for the audit entry ("force": "true"): by hand, although it might break verifiers.
	Forced bool
}

// Dated gives the key with the date of this step.
func (c Change) Dated(at time.Time) Key {
	k := c.Key
	if c.From == "" {
		k.CreatedAt = at
	}
	switch k.State {
	case Announced:
	case Active:
		k.ActivatedAt = at
	case Retiring:
		k.RetiredAt = at
	case Removed:
		k.RemovedAt = at
	case Compromised:
		k.CompromisedAt = at
	}
	return k
}

// Signed is what a key has signed that is alive: neither expired nor revoked.
type Signed struct {
	Tokens int64 // at most the limit that was asked for
	Until  time.Time
}

// LongestChange is by how much the date of a step may be older than the commit of it. The policy's margin is longer.
const LongestChange = 4 * time.Second

// Store keeps the ring.
type Store interface {
	// Ring reads the whole ring in one snapshot, with the store's clock at the beginning of it.
	Ring(ctx context.Context) (Ring, error)
	// ChangeRing applies all changes in one commit with their audit entries ("key.announced", "key.active", ...; target: the kid) if the
	// ring still has version was, and moves the version. m2m.ErrConflict: somebody else was first, nothing was changed. The changes are
	// in an order in which no two keys are ever active. Each step is dated by the store's own clock (Change.Dated), when nothing is left
	// to wait for: no date is older than its commit by more than LongestChange, or m2m.ErrUnavailable and nothing was changed. Of a key
	// that is there its state and dates change, nothing else: its sealed half may have been sealed anew since the ring was read. Of a key
	// that is removed or compromised it is dropped: nothing needs it any more.
	ChangeRing(ctx context.Context, by m2m.Actor, was int64, changes []Change) error
	// ServeKeySet records that a replica may answer so (Served) until life from now, by the store's clock, unless a later time stands there.
	ServeKeySet(ctx context.Context, maxAge, lease, life time.Duration) error
	// SignedTokens counts the living tokens of every key that has any, by an index, and no further than most each.
	SignedTokens(ctx context.Context, most int64) (map[m2m.KeyID]Signed, error)
	// CountSigned counts all living tokens of one key, by that index.
	CountSigned(ctx context.Context, kid m2m.KeyID) (int64, error)
}
