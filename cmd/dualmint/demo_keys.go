package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"

	"github.com/dualmint/dualmint/internal/m2m"
)

// keySet is a published key set, as the strict verifier wants it.
type keySet map[m2m.KeyID]ed25519.PublicKey

// PublicKey finds a key by its kid.
func (s keySet) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	k, ok := s[kid]
	return k, ok
}

// publishedIssuer is what an instance calls itself (RFC 8414 section 2).
func publishedIssuer(ctx context.Context, a *api) (string, error) {
	var document struct {
		Issuer string `json:"issuer"`
	}
	_, err := a.get(ctx, "/.well-known/oauth-authorization-server", nil, &document)
	return document.Issuer, err
}

// fetchKeySet reads a key set as any receiver can.
func fetchKeySet(ctx context.Context, a *api) (keySet, error) {
	var document struct {
		Keys []struct {
			KeyID string `json:"kid"`
			Curve string `json:"crv"`
			X     string `json:"x"`
		} `json:"keys"`
	}
	if _, err := a.get(ctx, jwksPath, nil, &document); err != nil {
		return nil, err
	}
	out := keySet{}
	for _, k := range document.Keys {
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if err != nil || k.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("the key set holds a key that is not Ed25519")
		}
		out[m2m.KeyID(k.KeyID)] = x
	}
	return out, nil
}
