package openapi

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/test/harness"
)

// oauth speaks to the service as a client that knows OAuth alone.
func (w *witness) oauth(t *testing.T) {
	t.Helper()
	const path, grant = "/oauth2/token", "grant_type=client_credentials"
	b := w.NewMachine(t, "B")
	a := w.NewMachine(t, "A", b)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(a.ID+":"+a.SecretKey))
	post := func(status int, path, body string, headers ...string) {
		t.Helper()
		w.send(t, status, "POST", path, "", body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	}
	post(200, path, grant, "Authorization", basic)
	post(200, path, grant+"&token_format=jwt&scope="+b.ID+"&resource="+b.ID+"&resource="+b.ID+"&client_id="+a.ID+"&client_secret="+a.SecretKey)
	var keyed harness.Machine
	w.send(t, 200, "POST", "/v1/machines", w.InstanceKey, `{"name":"keyed","public_jwk":`+ed25519JWK+`}`).Into(t, &keyed)
	assertion := "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" + w.assertion(t, keyed.ID)
	post(200, path, grant+assertion)
	post(401, path, grant+assertion) // it is good once
	for _, body := range []string{"x=1", "grant_type=password", grant + "&scope=x", grant + "&resource=" + a.ID, grant + "&x=1&x=2"} {
		post(400, path, body, "Authorization", basic)
	}
	post(413, path, strings.Repeat("x", 1<<20), "Authorization", basic)
	post(401, path, grant)
	post(401, path, grant, "Authorization", "Bearer "+a.SecretKey)

	for _, path := range []string{"oauth-authorization-server", "openid-configuration"} {
		w.send(t, 200, "GET", "/.well-known/"+path, "", "")
	}
	for _, format := range []string{"opaque", "jwt"} {
		token := "token=" + w.Mint(t, a.SecretKey, map[string]any{"token_format": format, "claims": map[string]any{"active": false}}).Token
		ask := func(who string, want bool) {
			t.Helper()
			r := w.send(t, 200, "POST", "/oauth2/introspect", who, token, "Content-Type", "application/x-www-form-urlencoded")
			var got struct{ Active bool }
			if r.Into(t, &got); got.Active != want || !want && string(r.Body) != `{"active":false}` {
				t.Errorf("%s: %s", format, r.Body)
			}
		}
		revoke := func(who string) {
			t.Helper()
			w.send(t, 200, "POST", "/oauth2/revoke", who, token, "Content-Type", "application/x-www-form-urlencoded")
		}
		ask(a.SecretKey, false) // not a receiver
		revoke(b.SecretKey)     // not the holder
		bearer := strings.TrimPrefix(token, "token=")
		for _, method := range []string{"GET", "POST"} {
			w.send(t, 200, method, "/v1/forward_auth", bearer, "", "Dualmint-Machine-Secret", b.SecretKey)
			w.send(t, 401, method, "/v1/forward_auth", bearer, "", "Dualmint-Machine-Secret", a.SecretKey)
		}
		ask(b.SecretKey, true)
		signed := w.send(t, 200, "POST", "/oauth2/introspect", b.SecretKey, token,
			"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/token-introspection+jwt")
		if got := signed.Header.Get("Content-Type"); got != "application/token-introspection+jwt" {
			t.Errorf("%s: signed as %s", format, got)
		}
		revoke(a.SecretKey)
		ask(b.SecretKey, false)
		revoke(a.SecretKey)
	}
	for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke"} {
		post(200, path, "token=x", "Authorization", basic)
		post(400, path, "x=x", "Authorization", basic)
		post(401, path, "token=x")
		post(413, path, strings.Repeat("x", 1<<20), "Authorization", basic)
	}
}

// assertion is signed with the private half of ed25519JWK (RFC 8037, appendix A.1).
func (w *witness) assertion(t *testing.T, id string) string {
	t.Helper()
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	claims := gojwt.MapClaims{"iss": id, "sub": id, "aud": w.Issuer, "jti": "one", "exp": time.Now().Add(time.Minute).Unix()}
	text, err := gojwt.NewWithClaims(gojwt.SigningMethodEdDSA, claims).SignedString(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
