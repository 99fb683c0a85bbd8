package jwt

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// order is the order L of the base point (RFC 8032 section 5.1).
func order() *big.Int {
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
}

// number reads little-endian bytes.
func number(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// bytes32 writes a number as 32 little-endian bytes.
func bytes32(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// withNonceZero signs so that R is the identity, written as these bytes: S = H(R, A, M) a mod L.
func withNonceZero(private ed25519.PrivateKey, r []byte, message string) []byte {
	h := sha512.Sum512(private.Seed())
	h[0] &= 248
	h[31] = h[31]&127 | 64
	k := sha512.Sum512(slices.Concat(r, private[32:], []byte(message)))
	s := new(big.Int).Mul(number(k[:]), number(h[:32]))
	return slices.Concat(r, bytes32(s.Mod(s, order())))
}

func point(first, last byte, between byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = between
	}
	b[0], b[31] = first, last
	return b
}

// Signatures on which verifiers of Ed25519 disagree (RFC 8032 section 5.1.7), after the classes of the Wycheproof vectors: one signature is
// good for a token, and what was made of it by whoever has no key is none.
func TestSignaturesThatOnlyLaxVerifiersTake(t *testing.T) {
	r := newRing()
	good := mint(t, goodGrant()).Reveal()
	at := strings.LastIndexByte(good, '.')
	signed := good[:at]
	signature, err := base64.RawURLEncoding.DecodeString(good[at+1:])
	if err != nil {
		t.Fatal(err)
	}
	rest, s := signature[:32], number(signature[32:])
	plus := func(n *big.Int) []byte { return slices.Concat(rest, bytes32(new(big.Int).Add(s, n))) }
	identity := point(1, 0, 0)

	// The control: the arithmetic of this test makes good signatures.
	with := func(signature []byte) secret.Text {
		return secret.Text(signed + "." + base64.RawURLEncoding.EncodeToString(signature))
	}
	if _, err := verifierAt(t, start, 0).Verify(with(withNonceZero(r.private, identity, signed)), m2m.MachineID(machineB)); err != nil {
		t.Fatalf("the control is refused: %v", err)
	}
	for name, bad := range map[string][]byte{
		"S + L":                         plus(order()),
		"S + 2L":                        plus(new(big.Int).Lsh(order(), 1)),
		"S + 8L":                        plus(new(big.Int).Lsh(order(), 3)),
		"S with bit 253":                plus(new(big.Int).Lsh(big.NewInt(1), 253)),
		"S with bit 255":                plus(new(big.Int).Lsh(big.NewInt(1), 255)),
		"S = L":                         slices.Concat(rest, bytes32(order())),
		"S = 0":                         slices.Concat(rest, make([]byte, 32)),
		"S negated":                     slices.Concat(rest, bytes32(new(big.Int).Sub(order(), s))),
		"R with its sign flipped":       slices.Concat(rest[:31], []byte{rest[31] ^ 0x80}, signature[32:]),
		"R the identity as p+1":         withNonceZero(r.private, point(0xee, 0x7f, 0xff), signed),
		"R the identity, sign set":      withNonceZero(r.private, point(1, 0x80, 0), signed),
		"R off by the point of order 2": withNonceZero(r.private, point(0xec, 0x7f, 0xff), signed),
		"R off by a point of order 4":   withNonceZero(r.private, make([]byte, 32), signed),
		"R not on the curve":            slices.Concat(point(2, 0, 0), signature[32:]),
		"R above the prime":             slices.Concat(point(0xff, 0x7f, 0xff), signature[32:]),
		"all zeros":                     make([]byte, 64),
		"identity and zero":             slices.Concat(identity, make([]byte, 32)),
		"identity and L":                slices.Concat(identity, bytes32(order())),
		"R and S swapped":               slices.Concat(signature[32:], rest),
		"cut short":                     signature[:63],
		"a byte more":                   append(slices.Clone(signature), 0),
		"twice":                         slices.Concat(signature, signature),
		"of another key":                ed25519.Sign(otherKey(), []byte(signed)),
		"of another message":            ed25519.Sign(r.private, []byte(signed+".")),
	} {
		t.Run(name, func(t *testing.T) { mustRefuseSignature(t, with(bad)) })
	}
	t.Run("none", func(t *testing.T) { mustRefuseSignature(t, secret.Text(signed+".")) })
}

// mustRefuseSignature holds a token to being refused for its signature or its shape.
func mustRefuseSignature(t *testing.T, token secret.Text) {
	t.Helper()
	if got, err := verifierAt(t, start, 0).Verify(token, machineB); err == nil {
		t.Errorf("accepted: %+v", got)
	}
}
