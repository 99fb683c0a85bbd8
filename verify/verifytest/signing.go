package verifytest

import (
	"context"
	"crypto/ed25519"

	"github.com/dualmint/dualmint/internal/m2m"
)

// signing is the issuer's key, as the JWT mode asks for it.
type signing struct{ issuer *Issuer }

// Signer gives the private half.
func (s signing) Signer(context.Context) (m2m.KeyID, ed25519.PrivateKey, error) {
	s.issuer.mu.Lock()
	defer s.issuer.mu.Unlock()
	return s.issuer.kid, s.issuer.key, nil
}

// PublicKey gives the public half.
func (s signing) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	s.issuer.mu.Lock()
	defer s.issuer.mu.Unlock()
	public, ok := s.issuer.key.Public().(ed25519.PublicKey)
	return public, ok && kid == s.issuer.kid
}
