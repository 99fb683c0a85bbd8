package keys

import (
	"crypto"
	"crypto/ed25519"
	_ "crypto/sha256" // the hash of the thumbprint
	"encoding/base64"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/publickey"
)

// Thumbprint gives the kid of a public key: its RFC 7638 thumbprint with SHA-256, as RFC 8037 section 2 defines it for Ed25519. A
// key that publickey.CheckEd25519 refuses has none.
func Thumbprint(public ed25519.PublicKey) (m2m.KeyID, error) {
	if err := publickey.CheckEd25519(public); err != nil {
		return "", err
	}
	key, err := jwk.FromRaw(public)
	if err != nil {
		return "", fmt.Errorf("make JWK: %w", err)
	}
	return thumbprintOf(key)
}

// thumbprintOf hashes the required members of a key in their canonical form (RFC 7638 section 3).
func thumbprintOf(key jwk.Key) (m2m.KeyID, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("hash JWK: %w", err)
	}
	return m2m.KeyID(base64.RawURLEncoding.EncodeToString(sum)), nil
}
