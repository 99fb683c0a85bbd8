package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"
)

// A first sight of a token costs hardly more than its signature.
func TestVerifyAllocatesLittle(t *testing.T) {
	v := verifierAt(t, start, 0)
	plain := goodGrant()
	plain.Claims = nil
	for name, g := range map[string]struct {
		most float64
		fits bool
	}{"without custom claims": {14, false}, "with custom claims": {16, true}} {
		grant := plain
		if g.fits {
			grant = goodGrant()
		}
		token := mint(t, grant)
		if n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(token, machineB) }); n > g.most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, g.most)
		}
	}
}

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
