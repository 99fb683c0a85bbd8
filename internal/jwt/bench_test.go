package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"
)

// BenchmarkVerifyFirstSight holds the whole check against the bare signature check and against golang-jwt's parser.
func BenchmarkVerifyFirstSight(b *testing.B) {
	token := mint(b, goodGrant())
	r := newRing()
	b.Run("raw", func(b *testing.B) {
		cut := strings.LastIndexByte(token.Reveal(), '.')
		signed := []byte(token.Reveal()[:cut])
		signature, err := base64.RawURLEncoding.DecodeString(token.Reveal()[cut+1:])
		if err != nil {
			b.Fatal(err)
		}
		key := r.public[testKid]
		b.ReportAllocs()
		for b.Loop() {
			if !ed25519.Verify(key, signed, signature) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("verifier", func(b *testing.B) {
		v := verifierAt(b, start, 0)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(token, machineB); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("golang-jwt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := oracle(r, token, gojwt.MapClaims{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMint(b *testing.B) {
	m := modeAt(start)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Mint(b.Context(), goodGrant()); err != nil {
			b.Fatal(err)
		}
	}
}
