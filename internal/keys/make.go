package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/secret"
)

// makeKey makes a new key pair; its private half leaves this function sealed only (R37).
func makeKey(sealer *secret.Sealer, s State) (Key, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	kid, err := Thumbprint(public)
	if err != nil {
		return Key{}, fmt.Errorf("name key: %w", err)
	}
	return Key{ID: kid, State: s, Public: public, Sealed: sealer.Seal(SealPlace(kid), private.Seed())}, nil
}

// published tells whether verifiers are to have this key.
func (k Key) published() bool {
	switch k.State {
	case Announced, Active, Retiring:
		return true
	case Removed, Compromised:
	}
	return false
}

// check refuses a key whose parts do not belong together.
func (k Key) check() error {
	kid, err := Thumbprint(k.Public)
	if err != nil {
		return fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	if kid != k.ID {
		return fmt.Errorf("signing key %s: the public key is another one's", k.ID)
	}
	return nil
}

// open gives the private half.
func (k Key) open(sealer *secret.Sealer) (ed25519.PrivateKey, error) {
	seed, err := sealer.Open(SealPlace(k.ID), k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", k.ID, err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("open signing key %s: not a seed", k.ID)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if public, ok := private.Public().(ed25519.PublicKey); !ok || !bytes.Equal(public, k.Public) {
		return nil, errors.New("open signing key: the private half is another one's")
	}
	return private, nil
}
