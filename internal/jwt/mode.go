package jwt

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Signer gives the key that signs at this moment. m2m.ErrUnavailable: there is none that may.
type Signer interface {
	Signer(ctx context.Context) (m2m.KeyID, ed25519.PrivateKey, error)
}

// Deps is what the issuer's JWT mode needs. All of it is required but Recheck.
type Deps struct {
	Issuer     string // iss: visible ASCII without quotes and backslashes, as every URL is
	Signer     Signer
	PublicKeys PublicKeys
	Now        func() time.Time
	// Recheck is asked about a kid that PublicKeys does not know, before the token is refused for it. nil: PublicKeys is now as good as
	// any answer to a question of the moment asked can be, and is asked once more. Any error means "cannot tell now". Without it,
	// PublicKeys is always that good.
	Recheck func(ctx context.Context, kid m2m.KeyID, asked time.Time) error
}

// replicaSkew is how far in the future the issuer's own check lets a token begin: replicas that are ready differ by at most 2 s from the
// database's clock, so by 4 s from each other. It does not lengthen any life: that end is the database's to judge.
const replicaSkew = 5 * time.Second

// Mode is the JWT mode of the issuer: it mints, and reads what any replica minted. Safe for concurrent use.
type Mode struct {
	issuer   string
	signer   Signer
	verifier *Verifier
	recheck  func(ctx context.Context, kid m2m.KeyID, asked time.Time) error
}

// New gives the JWT mode. With an issuer that cannot be one it mints nothing and refuses everything.
func New(d Deps) *Mode {
	return &Mode{issuer: d.Issuer, signer: d.Signer, recheck: d.Recheck, verifier: newVerifier(d.Issuer, d.PublicKeys, d.Now, 0, replicaSkew)}
}

// Mint signs a grant. m2m.ErrTooLarge: it does not fit MaxLength. A grant that no token of ours may say is an error that is a
// fault of the caller.
func (m *Mode) Mint(ctx context.Context, g m2m.Grant) (m2m.Minted, error) {
	payload, err := m.payload(g)
	if err != nil {
		return m2m.Minted{}, err
	}
	kid, private, err := m.signer.Signer(ctx)
	if err != nil {
		return m2m.Minted{}, fmt.Errorf("find signing key: %w", err)
	}
	header := writeHeader(nil, kid)
	if compactLen(header, payload) > MaxLength {
		return m2m.Minted{}, m2m.ErrTooLarge
	}
	if checked, err := readHeader(header); err != nil || checked != kid {
		return m2m.Minted{}, mintError("the signing key has no proper kid")
	}
	token, err := signCompact(header, payload, private)
	if err != nil {
		return m2m.Minted{}, err
	}
	return m2m.Minted{Bearer: secret.Text(token), KeyID: kid}, nil
}

// signCompact gives the compact form of a JWT (RFC 7515 section 7.1).
func signCompact(header, payload []byte, private ed25519.PrivateKey) (string, error) {
	text := make([]byte, 0, compactLen(header, payload))
	text = base64.RawURLEncoding.AppendEncode(text, header)
	text = base64.RawURLEncoding.AppendEncode(append(text, '.'), payload)
	signature, err := gojwt.SigningMethodEdDSA.Sign(string(text), private)
	if err != nil {
		return "", fmt.Errorf("sign JWT: %w", err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(text, '.'), signature)), nil
}

// compactLen is how long the compact form is.
func compactLen(header, payload []byte) int {
	length := base64.RawURLEncoding.EncodedLen
	return length(len(header)) + 1 + length(len(payload)) + 1 + length(ed25519.SignatureSize)
}

// payload writes the claims and reads them back as a receiver will: what is signed says this grant, and nothing that a claim
// smuggled in.
func (m *Mode) payload(g m2m.Grant) ([]byte, error) {
	if !plainIssuer(m.issuer) {
		return nil, mintError("no issuer")
	}
	text := writeClaims(make([]byte, 0, 512+72*len(g.Scopes)+len(g.Claims)), m.issuer, g)
	c, err := readClaims(text)
	switch {
	case err != nil:
		return nil, mintError("not a grant that a token may say")
	case c.issuer != m.issuer || c.grant.ID != g.ID || c.grant.Machine != g.Machine || !slices.Equal(c.grant.Scopes, g.Scopes):
		return nil, mintError("the grant does not read back")
	case !c.grant.IssuedAt.Equal(g.IssuedAt) || !c.grant.ExpiresAt.Equal(g.ExpiresAt):
		return nil, mintError("times must be whole seconds")
	case !bytes.Equal(c.grant.Claims, g.Claims) && string(g.Claims) != `{}`:
		return nil, mintError("custom claims must be one canonical object")
	}
	return text, nil
}

// Read checks a token as Verifier.VerifyAnyReceiver does, and gives what the database must find it by. A kid that is not known may be
// one that another replica signs with already (I6): Recheck tells.
func (m *Mode) Read(ctx context.Context, b secret.Text, asked time.Time) (m2m.Presented, error) {
	v, err := m.verifier.VerifyAnyReceiver(b)
	if unknown, ok := errors.AsType[*UnknownKeyError](err); ok && m.recheck != nil {
		if err := m.recheck(ctx, unknown.KeyID, asked); err != nil {
			return m2m.Presented{}, fmt.Errorf("find the key of a token: %w", err)
		}
		v, err = m.verifier.VerifyAnyReceiver(b)
	}
	if err != nil {
		return m2m.Presented{}, err
	}
	return m2m.Presented{Format: m2m.JWT, ID: v.Grant.ID, KeyID: v.KeyID}, nil
}
