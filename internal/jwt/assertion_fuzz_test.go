package jwt

import (
	"errors"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// agreeOnAssertion: whatever we accept, golang-jwt accepts with every option that makes it strict, and reads the same from it.
func agreeOnAssertion(t *testing.T, c *client, assertion secret.Text) {
	t.Helper()
	got, err := c.read(t, assertion)
	if err != nil {
		if !errors.Is(err, m2m.ErrRefused) || got != (m2m.Assertion{}) {
			t.Fatalf("a refusal that is none: %+v, %v", got, err)
		}
		return
	}
	claims := new(gojwt.RegisteredClaims)
	p := gojwt.NewParser(
		gojwt.WithValidMethods([]string{"EdDSA", "Ed25519"}), gojwt.WithStrictDecoding(), gojwt.WithExpirationRequired(),
		gojwt.WithIssuer(machineA), gojwt.WithSubject(machineA), gojwt.WithAudience(issuer), gojwt.WithTimeFunc(at(start)), gojwt.WithLeeway(AssertionSkew),
	)
	_, err = p.ParseWithClaims(assertion.Reveal(), claims, func(token *gojwt.Token) (any, error) {
		token.Method = gojwt.SigningMethodEdDSA // golang-jwt does not know the name of RFC 9864
		return c.ed.Public(), nil
	})
	if err != nil && !errors.Is(err, gojwt.ErrTokenUnverifiable) { // that name again
		t.Fatalf("we accept %s\nand golang-jwt does not: %v", assertion.Reveal(), err)
	}
	if err == nil && (secret.HashOf(secret.Text(claims.ID)) != got.Use || !claims.ExpiresAt.Equal(got.ExpiresAt) || len(claims.Audience) != 1) {
		t.Fatalf("we read %+v, golang-jwt %+v", got, claims)
	}
}

// R29: any string.
func FuzzAssertion(f *testing.F) {
	c := edClient()
	good := c.sign(f, `{"alg":"EdDSA"}`, asserted()).Reveal()
	f.Add(good)
	f.Add(good + "\n")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) { agreeOnAssertion(t, c, secret.Text(text)) })
}

// R29-R31: any header and payload under a good signature.
func FuzzAssertionSigned(f *testing.F) {
	f.Add(`{"alg":"EdDSA"}`, asserted())
	f.Add(edHeader, asserted("aud", `["`+issuer+`"]`))
	f.Add(`{"alg":"EdDSA","typ":"JWT","kid":"k"}`, asserted("jti", `"\u0061"`, "nbf", ""))
	f.Add(`{"alg":"EdDSA"}`, asserted("ſub", `"`+machineB+`"`))
	f.Add(`{"alg":"none"}`, asserted("exp", "1e400"))
	c := edClient()
	f.Fuzz(func(t *testing.T, header, payload string) { agreeOnAssertion(t, c, c.sign(t, header, payload)) })
}
