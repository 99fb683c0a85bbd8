package m2m

import "time"

// Format is how a token travels.
type Format string

// The two formats. The empty Format is neither, and is refused everywhere.
const (
	Opaque Format = "opaque"
	JWT    Format = "jwt"
)

// ParseFormat accepts the two names of the wire contract and nothing else.
func ParseFormat(s string) (Format, bool) {
	switch f := Format(s); f {
	case Opaque, JWT:
		return f, true
	default:
		return "", false
	}
}

// Machine is a registered service. Scopes are the living machines that it may call at this moment, in the order in which
// they were given.
type Machine struct {
	ID            MachineID
	Name          string
	DefaultTTL    time.Duration // whole seconds; 0 only when Endless
	Endless       bool          // opaque tokens do not expire by default (default_token_ttl: null)
	DefaultFormat Format
	PublicJWK     []byte // RFC 7517, canonical JSON, or nil
	Scopes        Scopes
	CreatedAt     time.Time // whole milliseconds, UTC, like every time of a stored thing
	UpdatedAt     time.Time
}

// Bounds of a machine's fields, from the wire contract.
const (
	MaxNameLength = 255
	MaxScopes     = 150
	DefaultTTL    = time.Hour
	MaxTTL        = 315_360_000 * time.Second // ten years of 365 days
)
