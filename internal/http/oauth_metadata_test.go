package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Every address that the metadata names is there, below the issuer, and every way of authenticating that it names works.
func TestRFC8414Section2TheMetadataIsTrueAtBothAddresses(t *testing.T) {
	w := newWorld(t)
	const issuer = "https://auth.example.com"
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		var got map[string]any
		r := w.call("GET", path, "", "")
		wantStatus(t, r, 200)
		if err := json.Unmarshal(r.Body.Bytes(), &got); err != nil || got["issuer"] != issuer || len(got) != 16 {
			t.Fatalf("%v %v", got, err)
		}
		for _, name := range []string{"token", "introspection", "revocation"} {
			endpoint, _ := got[name+"_endpoint"].(string)
			local, below := strings.CutPrefix(endpoint, issuer)
			body := map[string]string{"token": grant}[name]
			if body == "" {
				body = aboutToken(goodToken)
			}
			ways, _ := got[name+"_endpoint_auth_methods_supported"].([]any)
			algorithms, _ := got[name+"_endpoint_auth_signing_alg_values_supported"].([]any)
			if !below || !slices.Equal(ways, []any{"client_secret_basic", "client_secret_post", "private_key_jwt"}) {
				t.Errorf("%s: %v %v", name, endpoint, ways)
			}
			if !slices.Equal(algorithms, []any{"EdDSA", "Ed25519", "ES256"}) { // RFC 8414 section 2: there, since private_key_jwt is
				t.Errorf("%s: %v", name, algorithms)
			}
			wantStatus(t, w.post(local, body, basic(idB, secretB)), 200)
			wantStatus(t, w.post(local, body+formClient(idB, secretB)), 200)
			wantStatus(t, w.post(local, body+assertion("B", path+name)), 200)
		}
		keySet, _ := got["jwks_uri"].(string)
		wantStatus(t, w.call("GET", strings.TrimPrefix(keySet, issuer), "", ""), 200)
		if signed, _ := got["introspection_signing_alg_values_supported"].([]any); !slices.Equal(signed, []any{"EdDSA"}) { // RFC 9701 section 7
			t.Errorf("signed introspection by %v", signed)
		}
		if signed, _ := got["id_token_signing_alg_values_supported"].([]any); !slices.Equal(signed, []any{"EdDSA"}) { // OpenID Connect Discovery section 3
			t.Errorf("verifiers are told %v", signed)
		}
		about, _ := got["service_documentation"].(string)
		wantStatus(t, w.call("GET", strings.TrimPrefix(about, issuer), "", ""), 200)
		if types, ok := got["response_types_supported"].([]any); !ok || len(types) != 0 {
			t.Errorf("response types %v", got["response_types_supported"])
		}
		if grants, _ := got["grant_types_supported"].([]any); !slices.Equal(grants, []any{clientCredentials}) {
			t.Errorf("grants %v", grants)
		}
	}
	if r := w.call(http.MethodHead, "/.well-known/oauth-authorization-server", "", ""); r.Code != 200 {
		t.Errorf("HEAD: %d", r.Code)
	}
	if r := w.call(http.MethodPost, "/.well-known/oauth-authorization-server", "", ""); r.Code != 405 {
		t.Errorf("POST: %d", r.Code)
	}
}

func TestRFC8414Section3_1TheMetadataIsBeforeThePathOfTheIssuer(t *testing.T) {
	for issuer, want := range map[string]int{"https://example.com": 404, "https://example.com/auth": 200, "https://example.com/auth/x": 404, "https://example.com/aut": 404} {
		w := newWorld(t, func(d *Deps) { d.Issuer = issuer })
		if r := w.call("GET", "/.well-known/oauth-authorization-server/auth", "", ""); r.Code != want {
			t.Errorf("%s: %d, want %d", issuer, r.Code, want)
		}
		if r := w.call("GET", "/.well-known/oauth-authorization-server/", "", ""); r.Code != 404 {
			t.Errorf("%s: nobody's path: %d", issuer, r.Code)
		}
	}
}
