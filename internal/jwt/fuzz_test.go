package jwt

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// oracle is golang-jwt's own parser with every option that makes it strict.
func oracle(r *ring, token secret.Text, claims gojwt.Claims) error {
	p := gojwt.NewParser(
		gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithStrictDecoding(), gojwt.WithExpirationRequired(),
		gojwt.WithIssuedAt(), gojwt.WithIssuer(issuer), gojwt.WithAudience(machineB), gojwt.WithTimeFunc(at(start)),
	)
	_, err := p.ParseWithClaims(token.Reveal(), claims, func(t *gojwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, ok := r.PublicKey(m2m.KeyID(kid))
		if !ok {
			return nil, gojwt.ErrTokenUnverifiable
		}
		return key, nil
	})
	return err
}

// agree: whatever we accept, golang-jwt accepts, and reads the same subject, id and times from it, by exact names and by folded ones.
func agree(t *testing.T, token secret.Text) {
	t.Helper()
	r := newRing()
	got, err := verifierAt(t, start, 0).Verify(token, machineB)
	if err != nil {
		if !errors.Is(err, m2m.ErrRefused) || got.KeyID != "" {
			t.Fatalf("a refusal that is none: %+v, %v", got, err)
		}
		return
	}
	exact := gojwt.MapClaims{}
	if err := oracle(r, token, exact); err != nil {
		t.Fatalf("we accept %s\nand golang-jwt does not: %v", token.Reveal(), err)
	}
	folded := new(gojwt.RegisteredClaims)
	if err := oracle(r, token, folded); err != nil {
		t.Fatalf("we accept %s\nand golang-jwt's struct claims do not: %v", token.Reveal(), err)
	}
	g := got.Grant
	if exact["sub"] != string(g.Machine) || exact["jti"] != string(g.ID) || exact["scope"] != g.Scopes.String() {
		t.Fatalf("we read %+v, golang-jwt %v", g, exact)
	}
	if folded.Subject != string(g.Machine) || folded.ID != string(g.ID) || !folded.ExpiresAt.Equal(g.ExpiresAt) || !folded.IssuedAt.Equal(g.IssuedAt) {
		t.Fatalf("we read %+v, golang-jwt's folding reader %+v", g, folded)
	}
}

// R29: any string.
func FuzzVerify(f *testing.F) {
	good := mint(f, goodGrant()).Reveal()
	f.Add(good)
	f.Add(good + "\n")
	f.Add(good[:len(good)-1] + "=")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) { agree(t, secret.Text(token)) })
}

// R29-R31: any header and payload under a good signature: what the fuzzer cannot forge is given to it.
func FuzzVerifySigned(f *testing.F) {
	f.Add(goodHeader, goodPayload())
	f.Add(goodHeader, beside(`"ſub":"`+machineC+`"`))
	f.Add(goodHeader, beside(`"exp":1e400`))
	f.Add(goodHeader, instead("aud", `["`+machineB+`" , "`+machineC+`"]`))
	f.Add(`{"alg":"none","kid":"`+testKid+`","typ":"at+jwt"}`, goodPayload())
	r := newRing()
	f.Fuzz(func(t *testing.T, header, payload string) { agree(t, r.sign(header, payload)) })
}

// R29, R67: any custom claims either fail to be minted or read back to the byte.
func FuzzMint(f *testing.F) {
	f.Add(`{"a":1}`, int64(start), int64(start+life))
	f.Add(`{"a":1},"b":{}`, int64(start), int64(start+life))
	f.Add(`{"ſub":"x"}`, int64(0), int64(-1))
	r := newRing()
	f.Fuzz(func(t *testing.T, text string, issued, expires int64) {
		g := goodGrant()
		g.Claims = m2m.Claims(text)
		g.IssuedAt, g.ExpiresAt = time.Unix(issued, 0).UTC(), time.Unix(expires, 0).UTC()
		m := New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(issued)})
		minted, err := m.Mint(t.Context(), g)
		if err != nil {
			return
		}
		v, err := NewVerifier(VerifierConfig{Issuer: issuer, Keys: r, Now: at(issued)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(minted.Bearer, machineB)
		if err != nil {
			t.Fatalf("minted what does not verify: %s: %v", minted.Bearer.Reveal(), err)
		}
		if string(got.Grant.Claims) != text && text != "" && text != "{}" {
			t.Fatalf("claims %s came back as %s", text, got.Grant.Claims)
		}
	})
}

// The oracle itself must be able to say no, or it is none.
func TestTheOracleRefuses(t *testing.T) {
	r := newRing()
	if err := oracle(r, mint(t, goodGrant()), gojwt.MapClaims{}); err != nil {
		t.Fatal(err)
	}
	if err := oracle(r, r.sign(goodHeader, instead("exp", "")), gojwt.MapClaims{}); err == nil {
		t.Error("golang-jwt accepts a token without exp")
	}
	r.private = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if err := oracle(r, r.sign(goodHeader, goodPayload()), gojwt.MapClaims{}); err == nil {
		t.Error("golang-jwt accepts a foreign signature")
	}
}
