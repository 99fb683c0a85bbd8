package jwt

import (
	"context"
	"fmt"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/publickey"
	"github.com/dualmint/dualmint/internal/secret"
)

// Bounds of a client assertion.
const (
	// MaxAssertionLength is the size of the longest one, in bytes.
	MaxAssertionLength = 4 << 10
	// MaxAssertionLife is how far ahead its exp may be: as long as that its use must be remembered.
	MaxAssertionLife = 5 * time.Minute
	// AssertionSkew is how far ahead of ours the clock of a client may be. It lengthens no life: exp is held to the second.
	AssertionSkew = 30 * time.Second

	maxAssertionID = 255
)

// AssertionAlgorithms are the names by which a client may sign (RFC 7518 section 3.4, RFC 8037 section 3.1, RFC 9864 section 2.2).
func AssertionAlgorithms() []string { return []string{"EdDSA", "Ed25519", "ES256"} }

// Assertions checks what machines sign to prove themselves: client assertions for the issuer (RFC 7523 sections 2.2 and 3). Safe for
// concurrent use.
type Assertions struct {
	issuer string
	now    func() time.Time
}

// NewAssertions gives the verifier of an issuer. With an issuer that cannot be one it refuses everything.
func NewAssertions(issuer string, now func() time.Time) *Assertions {
	return &Assertions{issuer: issuer, now: now}
}

// Read checks an assertion with the public key (a JWK) that keyOf gives for the machine that it names. m2m.ErrRefused: it is not good,
// for whatever reason; what keyOf says is passed on. The steps are those of R29, but for one: whose key it is stands in the claims, so they
// are read before the signature, and keyOf is asked only about an assertion that its key alone could still refuse.
func (a *Assertions) Read(
	ctx context.Context, assertion secret.Text, keyOf func(context.Context, m2m.MachineID) ([]byte, error),
) (m2m.Assertion, error) {
	// 1. Length, characters, three segments, strict base64url.
	parts, err := split(assertion.Reveal(), MaxAssertionLength)
	if err != nil {
		return m2m.Assertion{}, err
	}
	// 2. The header allow-list.
	head, err := readAssertionHeader(parts.header)
	if err != nil {
		return m2m.Assertion{}, err
	}
	// 3. The claims, none of them believed yet.
	c, err := readAssertionClaims(parts.payload)
	if err != nil {
		return m2m.Assertion{}, err
	}
	if c.audience != a.issuer || !plainIssuer(a.issuer) {
		return m2m.Assertion{}, errIssuer
	}
	if !c.timely(a.now()) {
		return m2m.Assertion{}, errTime
	}
	// 4. The key of the machine that is named, and the algorithm that is this key's.
	jwk, err := keyOf(ctx, c.machine)
	if err != nil {
		return m2m.Assertion{}, fmt.Errorf("find public key: %w", err)
	}
	key, err := publickey.Parse(jwk)
	if err != nil || key.ID != "" && head.kid != "" && head.kid != key.ID {
		return m2m.Assertion{}, errKey
	}
	// 5. The signature.
	if !signedBy(key, head.alg, parts) {
		return m2m.Assertion{}, errSignature
	}
	return m2m.Assertion{Machine: c.machine, Use: secret.HashOf(secret.Text(c.id)), ExpiresAt: c.expires}, nil
}

// signedBy checks the signature with a key and the one algorithm of its type, whatever else the header may ask for (RFC 8725 section 3.1).
func signedBy(key publickey.Key, alg string, p parts) bool {
	switch {
	case key.Ed25519 != nil && (alg == "EdDSA" || alg == "Ed25519"):
		return gojwt.SigningMethodEdDSA.Verify(p.signed, p.signature, key.Ed25519) == nil
	case key.P256 != nil && alg == "ES256":
		return gojwt.SigningMethodES256.Verify(p.signed, p.signature, key.P256) == nil
	default:
		return false
	}
}
