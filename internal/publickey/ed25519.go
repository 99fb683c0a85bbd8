package publickey

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
)

// CheckEd25519 refuses what no honest key is: a wrong length, a coordinate that is not reduced, and the points of small order, under
// which a signature can be good for many messages.
func CheckEd25519(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize {
		return errors.New("an Ed25519 public key has 32 bytes")
	}
	y := [ed25519.PublicKeySize]byte(public)
	y[31] &= 0x7f // the sign of x
	if !reduced(y) {
		return errors.New("not a reduced Ed25519 public key")
	}
	// The y coordinates of the eight points whose order divides 8, little-endian.
	switch hex.EncodeToString(y[:]) {
	case "0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": // order 8
		return errors.New("an Ed25519 point of small order is no key")
	}
	return nil
}

// reduced tells whether y is below the field's prime 2^255-19.
func reduced(y [ed25519.PublicKeySize]byte) bool {
	if y[31] != 0x7f || y[0] < 0xed {
		return true
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}
