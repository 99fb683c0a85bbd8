package verify_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// judge holds the public verifier to its words on any token, and against golang-jwt's parser: whatever we accept it accepts, and reads
// the same from it.
func judge(t *testing.T, f *forge, v *verify.Verifier, token string) {
	t.Helper()
	g, err := v.Verify(t.Context(), token)
	if err != nil {
		if !errors.Is(err, verify.ErrRefused) || g != nil {
			t.Fatalf("a refusal that is none: %+v, %v", g, err)
		}
		return
	}
	claims := gojwt.MapClaims{}
	parser := gojwt.NewParser(gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithIssuer(f.issuer.URL), gojwt.WithAudience(verifytest.Receiver),
		gojwt.WithExpirationRequired(), gojwt.WithIssuedAt(), gojwt.WithStrictDecoding())
	if _, err := parser.ParseWithClaims(token, claims, func(*gojwt.Token) (any, error) { return f.public, nil }); err != nil {
		t.Fatalf("we accept %s\nand golang-jwt does not: %v", token, err)
	}
	if claims["sub"] != g.Machine || claims["jti"] != g.ID || claims["scope"] != strings.Join(g.Scopes, " ") || claims["exp"] != float64(g.ExpiresAt.Unix()) {
		t.Fatalf("we read %+v, golang-jwt %v", g, claims)
	}
}

// R29: any string. GOOD stands for a good token, and HEADER, PAYLOAD and SIGNATURE for its parts.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		"GOOD", "GOOD\n", "GOOD=", " GOOD", "HEADER.PAYLOAD.", "HEADER..SIGNATURE", "..", "....", "HEADER.PAYLOAD", "HEADER.PAYLOAD.SIGNATURE.SIGNATURE", "mt_0", "ak_0", "",
	} {
		f.Add(seed)
	}
	forge, v := fuzzed(f)
	parts := strings.Split(forge.good, ".")
	written := strings.NewReplacer("GOOD", forge.good, "HEADER", parts[0], "PAYLOAD", parts[1], "SIGNATURE", parts[2])
	f.Fuzz(func(t *testing.T, token string) { judge(t, forge, v, written.Replace(token)) })
}

// R29-R31: any header and payload under a good signature: what the fuzzer cannot forge is given to it. KID, ISS, NOW and END stand for
// what it cannot know.
func FuzzVerifySigned(f *testing.F) {
	const header = `{"alg":"EdDSA","kid":"KID","typ":"at+jwt"}`
	const me, caller = verifytest.Receiver, verifytest.Caller
	const payload = `{"iss":"ISS","sub":"` + caller + `","client_id":"` + caller + `","aud":["` + me + `"],"scope":"` + me + `","exp":END,"iat":NOW,"nbf":NOW,"jti":"mt_0123456789abcdef0123456789abcdef"}`
	f.Add(header, payload)
	for _, member := range []string{`"ſub":"x"`, `"SUB":"x"`, `"exp":1e400`, `"x":{"sub":"x"}`, `"x":"\ud800"`, `"aud":[]`, `"": 0`} {
		f.Add(header, "{"+member+","+payload[1:])
	}
	f.Add(`{"alg":"none","kid":"KID","typ":"at+jwt"}`, payload)
	f.Add(` { "typ" : "at+jwt" , "kid" : "KID" , "alg" : "EdDSA" } `, payload)
	forge, v := fuzzed(f)
	now := time.Now().Unix()
	written := strings.NewReplacer("KID", forge.kid, "ISS", forge.issuer.URL, "NOW", strconv.FormatInt(now, 10), "END", strconv.FormatInt(now+3600, 10))
	if _, err := v.Verify(f.Context(), forge.issuer.Sign(written.Replace(header), written.Replace(payload))); err != nil {
		f.Fatalf("the seed is not good: %v", err)
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		judge(t, forge, v, forge.issuer.Sign(written.Replace(header), written.Replace(payload)))
	})
}

func fuzzed(f *testing.F) (*forge, *verify.Verifier) {
	f.Helper()
	forge := newForge(f)
	config := forge.issuer.Config()
	config.Remember = -1
	v, err := verify.New(config)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(v.Close)
	return forge, v
}
