package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func signIntrospection(t *testing.T, at time.Time, answer string) (string, error) {
	t.Helper()
	sign, err := modeAt(start).IntrospectionSigner(t.Context(), machineB, at)
	if err != nil {
		return "", err
	}
	return sign([]byte(answer))
}

// RFC 9701 section 5: exactly these members, and neither sub nor exp (section 8.1).
func TestASignedIntrospectionSaysWhoAskedAndWhen(t *testing.T) {
	text, err := signIntrospection(t, time.Unix(start, 999_999_999), `{"active":false}`)
	if err != nil {
		t.Fatal(err)
	}
	pieces := strings.Split(text, ".")
	header, headErr := base64.RawURLEncoding.DecodeString(pieces[0])
	payload, err := base64.RawURLEncoding.DecodeString(pieces[1])
	if err != nil || headErr != nil {
		t.Fatal(err, headErr)
	}
	if want := `{"alg":"EdDSA","kid":"` + testKid + `","typ":"token-introspection+jwt"}`; string(header) != want {
		t.Errorf("header %s", header)
	}
	if want := `{"iss":"` + issuer + `","aud":"` + machineB + `","iat":1900000000,"token_introspection":{"active":false}}`; string(payload) != want {
		t.Errorf("payload %s", payload)
	}
	signature, err := base64.RawURLEncoding.DecodeString(pieces[2])
	if err != nil || !ed25519.Verify(newRing().public[testKid], []byte(pieces[0]+"."+pieces[1]), signature) {
		t.Error("the signature is not the active key's", err)
	}
	if _, err := gojwt.Parse(text, func(*gojwt.Token) (any, error) { return newRing().public[testKid], nil }, gojwt.WithValidMethods([]string{Algorithm})); err != nil {
		t.Errorf("another library: %v", err)
	}
}

// RFC 8725 section 3.11, RFC 9701 section 8.1: even one that is about a good token and says all that an access token says is none.
func TestASignedIntrospectionIsNoAccessToken(t *testing.T) {
	text, err := signIntrospection(t, time.Unix(start, 0), goodPayload())
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, secret.Text(text), errHeader)
	if _, err := modeAt(start).Read(t.Context(), secret.Text(text), time.Time{}); !errors.Is(err, m2m.ErrRefused) {
		t.Errorf("the issuer's own check: %v", err)
	}
	// Nor would its payload be the claims of one, under any header.
	_, rest, _ := strings.Cut(text, ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, newRing().sign(goodHeader, string(claims)), errClaims)
}

// I6: without a key that may sign, nothing is said.
func TestAnIntrospectionIsNotSignedInDoubt(t *testing.T) {
	r := newRing()
	r.err = m2m.ErrUnavailable
	mode := New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(start)})
	if sign, err := mode.IntrospectionSigner(t.Context(), machineB, time.Unix(start, 0)); !errors.Is(err, m2m.ErrUnavailable) || sign != nil {
		t.Error(err)
	}
	for _, audience := range []string{"", `"`, "a\nb"} {
		if _, err := modeAt(start).IntrospectionSigner(t.Context(), audience, time.Unix(start, 0)); err == nil {
			t.Errorf("signed for %q", audience)
		}
	}
}
