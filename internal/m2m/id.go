package m2m

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// MachineID names a machine: "mch_" and the 27 base62 characters of a KSUID. It is never used again after deletion.
type MachineID string

// TokenID names a token: "mt_" and 32 lower-case hex digits. It is also the jti of a JWT, and never verifies as a token.
type TokenID string

// InstanceID names the deployment: "ins_" and 27 base62 characters.
type InstanceID string

// KeyID names a signing key: its RFC 7638 thumbprint, 43 base64url characters.
type KeyID string

const (
	machinePrefix  = "mch_"
	tokenPrefix    = "mt_"
	ksuidLength    = 27
	tokenHexDigits = 32
	keyIDLength    = 43
)

// ParseMachineID tells whether s has the shape of a machine id; it says nothing about whether the machine exists.
func ParseMachineID(s string) (MachineID, bool) {
	rest, ok := strings.CutPrefix(s, machinePrefix)
	if !ok || len(rest) != ksuidLength || !isBase62(rest) {
		return "", false
	}
	return MachineID(s), true
}

// ParseTokenID tells whether s has the shape of a token id; it says nothing about whether the token exists.
func ParseTokenID(s string) (TokenID, bool) {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(rest) != tokenHexDigits || !isHex(rest) {
		return "", false
	}
	return TokenID(s), true
}

// IsKeyID tells whether a kid has the shape of one; it says nothing about whether the key exists.
func IsKeyID(kid KeyID) bool {
	return len(kid) == keyIDLength && isBase64URL(string(kid))
}

// NewTokenID makes an id of 128 random bits.
func NewTokenID() TokenID {
	var b [tokenHexDigits / 2]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return TokenID(tokenPrefix + hex.EncodeToString(b[:]))
}

// Every verification goes through these for each id of its answer, and what comes next is anybody's guess: so they look up and do not branch.

func isBase62(s string) bool { return all(s, base62) }

func isHex(s string) bool { return all(s, hexDigit) }

func isBase64URL(s string) bool { return all(s, base64URL) }

// all tells whether every character of s is in a set.
func all(s string, set class) bool {
	common := set
	for i := range len(s) {
		common &= classes[s[i]]
	}
	return common == set
}

// class is a set of characters, as a bit.
type class uint8

const (
	base62 class = 1 << iota
	base64URL
	hexDigit
)

// classes are the sets that each character is in.
var classes = func() (out [256]class) { //nolint:gochecknoglobals // a constant
	for c := range out {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
			out[c] = base62 | base64URL | hexDigit
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			out[c] = base62 | base64URL
		case c == '-', c == '_':
			out[c] = base64URL
		}
	}
	return out
}()
