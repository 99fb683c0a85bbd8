package m2m

import "time"

// Grant is what a token says, whatever its format. Times are UTC and whole seconds, so that a grant survives both formats
// unchanged.
type Grant struct {
	ID        TokenID
	Machine   MachineID // the subject: who calls
	Scopes    Scopes    // whom it may call, as of creation
	Claims    Claims
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: never, for opaque tokens only
}

// Expired tells whether the grant is dead at now. A token is dead at its expiry second, not after it.
func (g Grant) Expired(now time.Time) bool {
	return !g.ExpiresAt.IsZero() && !now.Before(g.ExpiresAt)
}

// Claims is the custom claims object of a token in its canonical form (RFC 8785), or nil for null. Null is not {}.
type Claims []byte

// Record is a token as the database keeps it.
type Record struct {
	Grant
	Format           Format
	KeyID            KeyID // the signing key of a JWT
	CreatedAt        time.Time
	UpdatedAt        time.Time
	LastUsedAt       time.Time // coarse; zero: never used
	RevokedAt        time.Time // zero: not revoked
	RevocationReason *string
	Dead             bool // expired by the database's clock when the record was read
}

// Revoked tells whether the token was revoked.
func (r Record) Revoked() bool { return !r.RevokedAt.IsZero() }
