package machines

import (
	"crypto/ecdh"
	"encoding/base64"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// maxPublicJWK bounds the text of a key; a P-256 key with every allowed member fits twice.
const maxPublicJWK = 1024

// checkPublicJWK accepts an Ed25519 (RFC 8037 section 2) or P-256 (RFC 7518 section 6.2) public key and gives its canonical
// text. A private member, or any that it does not know, is refused: a private key must never be sent here.
func checkPublicJWK(raw []byte) ([]byte, error) {
	const field = "public_jwk"
	wrong := func(message string) error { return fault(field, m2m.WrongValue, message) }
	if len(raw) > maxPublicJWK {
		return nil, fault(field, m2m.TooLong, "must have at most 1024 bytes")
	}
	o, err := strictjson.Parse(raw, 1)
	if err != nil {
		return nil, fault(field, m2m.WrongFormat, "must be a JSON object of strings")
	}
	member := map[string]string{}
	for _, m := range o {
		s, ok := m.Value.String()
		switch m.Name {
		case "kty", "crv", "x", "y", "kid", "alg", "use":
			if !ok {
				return nil, wrong("has a member that is not a string")
			}
			member[m.Name] = s
		case "d":
			return nil, wrong("is a private key: send the public half only, and replace this pair")
		default:
			return nil, wrong("has a member beside kty, crv, x, y, kid, alg and use")
		}
	}
	if use := member["use"]; use != "" && use != "sig" {
		return nil, wrong(`has a "use" other than "sig"`)
	}
	if !knownPublicKey(member) {
		return nil, wrong("must be an Ed25519 key (OKP, alg EdDSA) or a P-256 key (EC, alg ES256)")
	}
	return strictjson.Value(raw).Canonical()
}

func knownPublicKey(m map[string]string) bool {
	x, xErr := base64.RawURLEncoding.Strict().DecodeString(m["x"])
	y, yErr := base64.RawURLEncoding.Strict().DecodeString(m["y"])
	if xErr != nil || yErr != nil || len(x) != 32 {
		return false
	}
	switch {
	case m["kty"] == "OKP" && m["crv"] == "Ed25519":
		return len(y) == 0 && (m["alg"] == "" || m["alg"] == "EdDSA" || m["alg"] == "Ed25519")
	case m["kty"] == "EC" && m["crv"] == "P-256":
		_, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...))
		return err == nil && (m["alg"] == "" || m["alg"] == "ES256")
	default:
		return false
	}
}
