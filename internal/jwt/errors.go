package jwt

import (
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// refusal is why a token is not good. To everyone outside it is m2m.ErrRefused and nothing else (R36); the step is told apart for
// the tests, which must see a bad token fail for its own reason. It never repeats what the token said.
type refusal string

// The steps of R29 at which a token can be refused.
const (
	errLength     refusal = "length"
	errCharacters refusal = "characters"
	errSegments   refusal = "segments"
	errEncoding   refusal = "encoding"
	errHeader     refusal = "header"
	errSignature  refusal = "signature"
	errClaims     refusal = "claims"
	errIssuer     refusal = "issuer"
	errTime       refusal = "time"
	errReceiver   refusal = "receiver"
	errKey        refusal = "key"
)

// Error names the step.
func (r refusal) Error() string { return "token refused: " + string(r) }

// Step is the step alone, for the issuer's own operator.
func (r refusal) Step() string { return string(r) }

// Unwrap makes every refusal m2m.ErrRefused.
func (refusal) Unwrap() error { return m2m.ErrRefused }

// UnknownKeyError is the refusal of a token whose kid is not in the set of keys. It is m2m.ErrRefused too; a holder of a key set that can
// be fetched again tells it apart with errors.As, and asks once more after a fetch. The kid comes from an unverified token: it has at
// most 64 plain characters and means nothing.
type UnknownKeyError struct {
	KeyID m2m.KeyID
}

// Error names the fault and not the key.
func (*UnknownKeyError) Error() string { return "token refused: key" }

// Step is the step alone, for the issuer's own operator.
func (*UnknownKeyError) Step() string { return "key" }

// Unwrap makes it m2m.ErrRefused.
func (*UnknownKeyError) Unwrap() error { return m2m.ErrRefused }

// mintError is a grant that no token of ours may say: a fault of the caller, never of whoever asked for the token.
func mintError(what string) error { return fmt.Errorf("mint JWT: %s", what) }
