package publickey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"errors"

	"github.com/dualmint/dualmint/internal/strictjson"
)

// MaxLength bounds the text of a key, in bytes; a P-256 key with every allowed member fits twice.
const MaxLength = 1024

// Key is a public key: one of the two, never both.
type Key struct {
	Ed25519 ed25519.PublicKey
	P256    *ecdsa.PublicKey
	ID      string // kid, or empty
}

// What can be wrong with the text of a key, beside what Parse says of its members.
var (
	ErrTooLong = errors.New("must have at most 1024 bytes")
	ErrSyntax  = errors.New("must be a JSON object of strings")
)

// Parse reads a JWK (RFC 7517 section 4): an Ed25519 (RFC 8037 section 2) or P-256 (RFC 7518 section 6.2) public key. A private member,
// or any that it does not know, is refused: a private key must never be sent here. The error is a sentence without its subject that
// repeats nothing of the text.
func Parse(text []byte) (Key, error) {
	if len(text) > MaxLength {
		return Key{}, ErrTooLong
	}
	o, err := strictjson.Parse(text, 1)
	if err != nil {
		return Key{}, ErrSyntax
	}
	member := map[string]string{}
	for _, m := range o {
		s, ok := m.Value.String()
		switch m.Name {
		case "kty", "crv", "x", "y", "kid", "alg", "use":
			if !ok {
				return Key{}, errors.New("has a member that is not a string")
			}
			member[m.Name] = s
		case "d":
			return Key{}, errors.New("is a private key: send the public half only, and replace this pair")
		default:
			return Key{}, errors.New("has a member beside kty, crv, x, y, kid, alg and use")
		}
	}
	if use := member["use"]; use != "" && use != "sig" {
		return Key{}, errors.New(`has a "use" other than "sig"`)
	}
	key, ok := keyOf(member)
	if !ok {
		return Key{}, errors.New("must be an Ed25519 key (OKP, alg EdDSA) or a P-256 key (EC, alg ES256)")
	}
	return key, nil
}

func keyOf(m map[string]string) (Key, bool) {
	x, xErr := base64.RawURLEncoding.Strict().DecodeString(m["x"])
	y, yErr := base64.RawURLEncoding.Strict().DecodeString(m["y"])
	if xErr != nil || yErr != nil || len(x) != 32 {
		return Key{}, false
	}
	switch {
	case m["kty"] == "OKP" && m["crv"] == "Ed25519":
		named := m["alg"] == "" || m["alg"] == "EdDSA" || m["alg"] == "Ed25519"
		return Key{Ed25519: x, ID: m["kid"]}, named && len(y) == 0 && CheckEd25519(x) == nil
	case m["kty"] == "EC" && m["crv"] == "P-256":
		point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		return Key{P256: point, ID: m["kid"]}, err == nil && (m["alg"] == "" || m["alg"] == "ES256")
	default:
		return Key{}, false
	}
}
