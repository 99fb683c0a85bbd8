package opaque

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Mode is the opaque mode. It has no state; use New all the same, so that both modes are made alike.
type Mode struct{}

// New gives the opaque mode.
func New() Mode { return Mode{} }

// Mint draws a new random token. It never looks at the grant: the database keeps it, under the hash that is returned.
func (Mode) Mint(context.Context, m2m.Grant) (m2m.Minted, error) {
	bearer := secret.New(secret.OpaqueToken)
	return m2m.Minted{Bearer: bearer, Hash: secret.HashOf(bearer)}, nil
}

// Read gives the hash under which the token would be known, or m2m.ErrRefused for a string that Mint cannot have made.
func (Mode) Read(_ context.Context, b secret.Text, _ time.Time) (m2m.Presented, error) {
	if !secret.WellFormed(secret.OpaqueToken, b.Reveal()) {
		return m2m.Presented{}, m2m.ErrRefused
	}
	return m2m.Presented{Format: m2m.Opaque, Hash: secret.HashOf(b)}, nil
}
