package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// The floor: what the mathematics of one signature costs.
func BenchmarkRawEd25519Verify(b *testing.B) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	message := []byte(strings.Repeat("a", 500))
	signature := ed25519.Sign(private, message)
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(public, message, signature) {
			b.Fatal("a good signature is bad")
		}
	}
}

// What a service would use without this package: golang-jwt's parser with keyfunc's key set, told to check what they can check.
func BenchmarkGolangJWTWithKeyfunc(b *testing.B) {
	issuer := verifytest.NewIssuer(b)
	token := issuer.JWT(verifytest.Token{Claims: map[string]string{"order": "42"}})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	set, err := keyfunc.NewDefaultCtx(ctx, []string{issuer.URL + "/.well-known/jwks.json"})
	if err != nil {
		b.Fatal(err)
	}
	parser := gojwt.NewParser(gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithIssuer(issuer.URL), gojwt.WithAudience(verifytest.Receiver),
		gojwt.WithExpirationRequired(), gojwt.WithIssuedAt(), gojwt.WithStrictDecoding())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parser.Parse(token, set.Keyfunc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJWTFirstSight(b *testing.B) { benchmarkJWT(b, -1) }
func BenchmarkJWTSeenBefore(b *testing.B) { benchmarkJWT(b, 0) }

func benchmarkJWT(b *testing.B, remember int) {
	b.Helper()
	issuer := verifytest.NewIssuer(b)
	config := issuer.Config()
	config.Remember = remember
	v, err := verify.New(config)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	token := issuer.JWT(verifytest.Token{Claims: map[string]string{"order": "42"}})
	if _, err := v.Verify(b.Context(), token); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
