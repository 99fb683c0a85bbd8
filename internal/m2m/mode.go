package m2m

import (
	"context"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

// Mode is one way for a grant to travel. Implementations are safe for concurrent use.
type Mode interface {
	// Mint turns a grant into a bearer string. ErrTooLarge: it does not fit this format.
	Mint(ctx context.Context, g Grant) (Minted, error)
	// Read tells what a bearer string claims to be. ErrRefused: it is no good token of this format, for whatever reason.
	// Any other error means "cannot tell now". What the implementation learned after the moment asked is as new as the answer has to be.
	Read(ctx context.Context, b secret.Text, asked time.Time) (Presented, error)
}

// Minted is a new token and what the database must keep to know it again.
type Minted struct {
	Bearer secret.Text
	Hash   secret.Hash // opaque: SHA-256 of the bearer string; JWT: zero
	KeyID  KeyID       // JWT: the key that signed it
}

// Presented is a token that passed what can be checked without the database. Opaque tokens are found by Hash, JWTs by ID
// (and only under the same KeyID).
type Presented struct {
	Format Format
	Hash   secret.Hash
	ID     TokenID
	KeyID  KeyID
}

// ShapeOf dispatches a bearer string to its format by its shape alone: two dots make a JWT, the prefix an opaque token, and
// everything else is neither (the empty Format).
func ShapeOf(b secret.Text) Format {
	switch {
	case strings.Count(string(b), ".") == 2:
		return JWT
	case strings.HasPrefix(string(b), tokenPrefix) && !strings.Contains(string(b), "."):
		return Opaque
	default:
		return ""
	}
}
