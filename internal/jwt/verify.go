package jwt

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// MaxLength is the size of the longest token, in bytes (R28). Longer ones are neither made nor looked at.
const MaxLength = 8 << 10

// MaxLeeway is the most that a verifier may be told to forgive a clock (R30).
const MaxLeeway = 60 * time.Second

// PublicKeys finds the key of a kid among those that may have signed. False: there is no such key. It must be safe for
// concurrent use and answer from memory.
type PublicKeys interface {
	PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool)
}

// VerifierConfig is what a verifier pins. All of it is required but Leeway.
type VerifierConfig struct {
	Issuer string // compared with iss, character by character
	Keys   PublicKeys
	Now    func() time.Time
	Leeway time.Duration // 0 to MaxLeeway, for exp, nbf and iat
}

// Verifier checks tokens of one issuer, offline. Safe for concurrent use.
type Verifier struct {
	issuer string
	keys   PublicKeys
	now    func() time.Time
	late   time.Duration // how long after exp a token still lives
	early  time.Duration // how long before nbf and iat it already does
}

// NewVerifier refuses a configuration that would leave a check out.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	switch {
	case !plainIssuer(c.Issuer):
		return nil, errors.New("verifier: the issuer must be a URL")
	case c.Keys == nil || c.Now == nil:
		return nil, errors.New("verifier: needs keys and a clock")
	case c.Leeway < 0 || c.Leeway > MaxLeeway:
		return nil, fmt.Errorf("verifier: the leeway must be between 0 and %s", MaxLeeway)
	}
	return newVerifier(c.Issuer, c.Keys, c.Now, c.Leeway, c.Leeway), nil
}

func newVerifier(issuer string, keys PublicKeys, now func() time.Time, late, early time.Duration) *Verifier {
	return &Verifier{issuer: issuer, keys: keys, now: now, late: late, early: early}
}

// Verified is what a good token says.
type Verified struct {
	Grant m2m.Grant // Claims is nil when there are no custom claims: in a JWT, null and {} look alike
	KeyID m2m.KeyID
}

// Verify checks a token that receiver was given: it must be good, and receiver must be in its audience. The empty receiver is in
// none. Every error is m2m.ErrRefused; an unknown kid is also an *UnknownKeyError.
func (v *Verifier) Verify(token secret.Text, receiver m2m.MachineID) (Verified, error) {
	got, err := v.VerifyAnyReceiver(token)
	if err != nil {
		return Verified{}, err
	}
	if !got.Grant.Scopes.Has(receiver) {
		return Verified{}, errReceiver
	}
	return got, nil
}

// VerifyAnyReceiver is Verify without the audience check, for the issuer alone: its database applies the scope rule. The order of
// the steps is that of R29.
func (v *Verifier) VerifyAnyReceiver(token secret.Text) (Verified, error) {
	// 1. Length, characters, three segments, strict base64url.
	parts, err := split(token.Reveal(), MaxLength)
	if err != nil {
		return Verified{}, err
	}
	// 2. The header allow-list.
	kid, err := readHeader(parts.header)
	if err != nil {
		return Verified{}, err
	}
	// 3. The key, by kid from the pinned set.
	key, ok := v.keys.PublicKey(kid)
	if !ok {
		return Verified{}, &UnknownKeyError{KeyID: kid}
	}
	// 4. The signature.
	if err := gojwt.SigningMethodEdDSA.Verify(parts.signed, parts.signature, key); err != nil {
		return Verified{}, errSignature
	}
	// 5. The claims.
	c, err := readClaims(parts.payload)
	if err != nil {
		return Verified{}, err
	}
	if c.issuer != v.issuer || v.issuer == "" {
		return Verified{}, errIssuer
	}
	if !v.timely(c) {
		return Verified{}, errTime
	}
	return Verified{Grant: c.grant, KeyID: kid}, nil
}

// timely tells whether a token lives now. It is dead at its expiry second, not after it.
func (v *Verifier) timely(c claims) bool {
	now := v.now()
	latest := now.Add(v.early)
	return now.Before(c.grant.ExpiresAt.Add(v.late)) && !latest.Before(c.notBefore) && !latest.Before(c.grant.IssuedAt)
}

// plainIssuer tells whether s can be an issuer: visible ASCII that JSON leaves as it is.
func plainIssuer(s string) bool {
	return secret.Presentable(s, secret.MaxLength) && !strings.ContainsAny(s, `"\`)
}
