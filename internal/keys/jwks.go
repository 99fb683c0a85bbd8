package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Document is the key set as it is served. Its bytes are shared: nobody may change them.
type Document struct {
	JSON   []byte
	ETag   string        // strong, quoted
	MaxAge time.Duration // for Cache-Control, whole seconds
}

// document writes the JWK set of RFC 7517 for keys, in their order: kty, crv, x, kid, alg and use of each, and nothing private. The alg
// is "EdDSA", the name that every verifier knows.
func document(keys []Key, maxAge time.Duration) (Document, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		key, err := jwk.FromRaw(k.Public)
		if err != nil {
			return Document{}, fmt.Errorf("make JWK: %w", err)
		}
		for name, value := range map[string]any{jwk.KeyIDKey: string(k.ID), jwk.AlgorithmKey: jwa.EdDSA, jwk.KeyUsageKey: jwk.ForSignature} {
			if err := key.Set(name, value); err != nil {
				return Document{}, fmt.Errorf("set %s of JWK: %w", name, err)
			}
		}
		if err := set.AddKey(key); err != nil {
			return Document{}, fmt.Errorf("add JWK: %w", err)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		return Document{}, fmt.Errorf("write JWK set: %w", err)
	}
	sum := sha256.Sum256(text)
	return Document{JSON: text, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, MaxAge: maxAge}, nil
}
