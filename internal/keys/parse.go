package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/publickey"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// MaxSetLength and MaxSetKeys bound a key set that is read from elsewhere (R32).
const (
	MaxSetLength = 64 << 10
	MaxSetKeys   = 20
)

// ParseSet reads a published key set (RFC 7517 section 5) for a verifier. It gives the Ed25519 signing keys and passes over public keys
// of other types. A set that cannot be what an issuer meant to publish is refused whole: a kid that stands twice, a private or a
// symmetric member, a point that is no key, too many keys, text that is not strict JSON.
func ParseSet(text []byte) (map[m2m.KeyID]ed25519.PublicKey, error) {
	if len(text) > MaxSetLength {
		return nil, fmt.Errorf("key set: more than %d bytes", MaxSetLength)
	}
	set, err := strictjson.Parse(text, 4)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	member, ok := set.Get("keys")
	if !ok {
		return nil, errors.New("key set: no keys member")
	}
	list, ok := member.Array()
	if !ok {
		return nil, errors.New("key set: keys is no array")
	}
	if len(list) > MaxSetKeys {
		return nil, fmt.Errorf("key set: more than %d keys", MaxSetKeys)
	}
	out := make(map[m2m.KeyID]ed25519.PublicKey, len(list))
	seen := make(map[string]bool, len(list))
	for _, text := range list {
		kid, key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("key set: %w", err)
		}
		if seen[kid] {
			return nil, errors.New("key set: a kid stands twice")
		}
		seen[kid] = true
		if key != nil {
			out[m2m.KeyID(kid)] = key
		}
	}
	return out, nil
}

// parseKey reads one key. A nil key is a public one of another type.
func parseKey(text strictjson.Value) (string, ed25519.PublicKey, error) {
	o, err := strictjson.Parse(text, 3)
	if err != nil {
		return "", nil, err
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} { // RFC 7518 section 6, RFC 8037 section 2
		if _, ok := o.Get(private); ok {
			return "", nil, errors.New("a key with a private member")
		}
	}
	textOf := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.String()
		return s
	}
	kid, kty := textOf("kid"), textOf("kty")
	if kid == "" || kty == "" || kty == "oct" {
		return "", nil, errors.New("a key without a kid, without a type, or symmetric")
	}
	use, alg := textOf("use"), textOf("alg")
	if kty != "OKP" || textOf("crv") != "Ed25519" || use != "" && use != "sig" || alg != "" && alg != "EdDSA" && alg != "Ed25519" {
		return kid, nil, nil
	}
	x, err := base64.RawURLEncoding.Strict().DecodeString(textOf("x"))
	if err != nil {
		return "", nil, errors.New("an Ed25519 key whose x is not base64url")
	}
	if err := publickey.CheckEd25519(x); err != nil {
		return "", nil, err
	}
	return kid, x, nil
}
