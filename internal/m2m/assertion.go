package m2m

import (
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

// Assertion is what a machine signed to prove itself once (RFC 7523 section 2.2), after its signature and claims held. It is worth nothing
// before its use is recorded: whoever records it first has used it up.
type Assertion struct {
	Machine   MachineID
	Use       secret.Hash // SHA-256 of its jti
	ExpiresAt time.Time   // whole seconds, UTC; dead from this instant on
}
