package publickey

import (
	"bytes"
	"crypto/ed25519"
	"errors"

	"filippo.io/edwards25519"
)

// CheckEd25519 refuses what no honest key is: a wrong length, bytes that are no point of the curve (RFC 8032 section 5.1.3), another
// spelling of a point than its one canonical one, and the eight points whose order divides the cofactor, under which a signature can be
// good for many messages.
func CheckEd25519(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize {
		return errors.New("an Ed25519 public key has 32 bytes")
	}
	point, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return errors.New("not a point of the Ed25519 curve")
	}
	// The library reads coordinates that are not reduced, and a sign where x is 0; it writes neither.
	if !bytes.Equal(point.Bytes(), public) {
		return errors.New("not the canonical spelling of an Ed25519 point")
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("an Ed25519 point of small order is no key")
	}
	return nil
}
