package oauth

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

const inactive = `{"active":false}`

// R17: unknown, malformed, expired, revoked, foreign, narrowed away, of a deleted machine: one answer to the byte, headers and all.
func TestRFC7662Section2_2ATokenThatIsNotGoodIsInactiveAndNothingElse(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		unknown := w.introspect(t, w.b, secret.New(secret.OpaqueToken).Reveal())
		if unknown.Status != http.StatusOK || string(unknown.Body) != inactive {
			t.Fatalf("unknown: %d %s", unknown.Status, unknown.Body)
		}
		want := lasting(unknown.Header)
		check := func(what string, as harness.Machine, token string) {
			t.Helper()
			r := w.introspect(t, as, token)
			if r.Status != http.StatusOK || string(r.Body) != inactive || !maps.EqualFunc(lasting(r.Header), want, slices.Equal) {
				t.Errorf("%s: %d %s %v", what, r.Status, r.Body, r.Header)
			}
		}
		doomed := w.NewMachine(t, "doomed", w.b)
		short := w.MachineWith(t, harness.Fields{"name": "short", "scoped_machines": []string{w.b.ID}, "default_token_ttl": 1})
		for _, format := range formats {
			as := "&token_format=" + format
			good := w.get(t, as).AccessToken
			if r := w.introspect(t, w.b, good); r.Status != http.StatusOK || !strings.HasPrefix(string(r.Body), `{"active":true`) {
				t.Fatalf("%s: the good one beside them: %d %s", format, r.Status, r.Body)
			}
			check(format+" for another receiver", w.c, good)
			check(format+" for its own holder", w.a, good)
			check(format+" with a character changed", w.b, good[:len(good)-9]+string(good[len(good)-9]^1)+good[len(good)-8:])
			check(format+" cut", w.b, good[:len(good)-1])

			revoked := w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format})
			w.Revoke(t, w.a.SecretKey, revoked.ID).Want(t, http.StatusOK)
			check(format+" revoked", w.b, revoked.Token)
			check(format+" id", w.b, revoked.ID)

			of := w.Mint(t, doomed.SecretKey, harness.Fields{"token_format": format})
			defer check(format+" of a deleted machine", w.b, of.Token) // deleted below

			dying := w.Mint(t, short.SecretKey, harness.Fields{"token_format": format}).Token
			soon := time.Now().Add(5 * time.Second)
			for string(w.introspect(t, w.b, dying).Body) != inactive && time.Now().Before(soon) { // it lives for a second or two
				continue
			}
			check(format+" expired", w.b, dying)
		}
		for what, token := range map[string]string{
			"a token id": string(m2m.NewTokenID()), "a machine secret": w.a.SecretKey, "the instance key": w.InstanceKey, "a machine id": w.a.ID,
			"three empty parts": "..", "spaces": "  ", "a long one": strings.Repeat("a.", 4000), "no ASCII": "mt_é",
		} {
			check(what, w.b, token)
		}
		w.Call(t, http.MethodDelete, "/v1/machines/"+doomed.ID, w.InstanceKey, nil).Want(t, http.StatusOK)
	})
}

// lasting are the headers that do not change from one answer to the next.
func lasting(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	h.Del("Clerk-Trace-Id")
	return h
}

func TestRFC7009Section2_2RevocationEndsWhatIsTheClientsAndAnswersAlike(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.get(t, "&token_format="+format).AccessToken
			revoke := func(as harness.Machine, token, hint string) {
				t.Helper()
				r := form(t, w.Server, "/oauth2/revoke", as, about(token)+hint).Want(t, http.StatusOK)
				if string(r.Body) != `{}` {
					t.Errorf("%s", r.Body)
				}
			}
			active := func(want bool) {
				t.Helper()
				if got := string(w.introspect(t, w.b, token).Body) != inactive; got != want {
					t.Errorf("%s: active %v", format, got)
				}
			}
			revoke(w.a, secret.New(secret.OpaqueToken).Reveal(), "") // unknown
			revoke(w.a, "x", "&token_type_hint=refresh_token")       // a hint is a hint
			revoke(w.b, token, "")                                   // the receiver may not
			revoke(w.c, token, "")                                   // nor may anybody else
			active(true)
			wantError(t, "nobody", form(t, w.Server, "/oauth2/revoke", harness.Machine{}, about(token)), 401, "invalid_client")
			wantError(t, "by name alone", form(t, w.Server, "/oauth2/revoke", harness.Machine{}, about(token)+"&client_id="+w.a.ID), 401, "invalid_client")
			active(true)
			revoke(w.a, token, "&token_type_hint=nonsense")
			active(false)
			revoke(w.a, token, "") // again
			var list struct {
				Tokens []harness.Token `json:"m2m_tokens"`
			}
			w.Call(t, http.MethodGet, "/m2m_tokens?revoked=true&subject="+w.a.ID, w.a.SecretKey, nil).Want(t, 200).Into(t, &list)
			if !list.Tokens[0].Revoked || list.Tokens[0].Format != format {
				t.Errorf("the record says %+v", list.Tokens[0])
			}
		}
	})
}

func TestRFC6749Section2_3TwoWaysOfAuthenticatingAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := "&client_id=" + w.a.ID + "&client_secret=" + w.a.SecretKey
		for path, body := range map[string]string{"/oauth2/token": grant, "/oauth2/introspect": about("x"), "/oauth2/revoke": about("x")} {
			wantError(t, path+" Basic and form", form(t, w.Server, path, w.a, body+a), 400, "invalid_request")
			form(t, w.Server, path, harness.Machine{}, body+a).Want(t, http.StatusOK)
			form(t, w.Server, path, w.a, body).Want(t, http.StatusOK)
			form(t, w.Server, path, w.a, body+"&client_id="+w.a.ID).Want(t, http.StatusOK)
			wantError(t, path+" two clients", form(t, w.Server, path, w.a, body+"&client_id="+w.b.ID), 400, "invalid_request")
			wantError(t, path+" by the URL", form(t, w.Server, path+"?client_id="+w.a.ID+"&client_secret="+w.a.SecretKey, harness.Machine{}, body), 400, "invalid_request")
		}
	})
}

func TestRFC8707Section2AndRFC6749Section3_3AskingNarrowsAndNeverAdds(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.Allow(t, w.a, w.c)
		both := w.b.ID + " " + w.c.ID
		for _, format := range formats {
			as := "&token_format=" + format
			for parameters, scope := range map[string]string{
				"": both, "&resource=" + w.b.ID: w.b.ID, "&scope=" + w.c.ID: w.c.ID, "&resource=" + w.c.ID + "&resource=" + w.b.ID: both,
				"&scope=" + w.b.ID + "+" + w.c.ID + "&resource=" + w.c.ID: w.c.ID,
			} {
				got := w.get(t, as+parameters)
				if got.Scope != scope || got.TokenType != "Bearer" || got.ExpiresIn != 3600 {
					t.Errorf("%s: %+v, want %s", parameters, got, scope)
				}
				for _, receiver := range []harness.Machine{w.b, w.c} {
					if good := string(w.introspect(t, receiver, got.AccessToken).Body) != inactive; good != strings.Contains(scope, receiver.ID) {
						t.Errorf("%s: good for %s: %v", parameters, receiver.Name, good)
					}
				}
			}
			for parameters, code := range map[string]string{
				"&resource=" + w.a.ID: "invalid_target", "&resource=https://api.example.com": "invalid_target", "&resource=" + w.b.ID + "&resource=x": "invalid_target",
				"&scope=" + w.a.ID: "invalid_scope", "&scope=read": "invalid_scope", "&scope=" + w.b.ID + "++" + w.c.ID: "invalid_scope",
				"&scope=" + w.b.ID + "&resource=" + w.c.ID: "invalid_target",
			} {
				wantError(t, parameters, form(t, w.Server, "/oauth2/token", w.a, grant+as+parameters), 400, code)
			}
		}
	})
}

func TestRFC9068Section2AnAccessTokenIsAsTheProfileSays(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.Allow(t, w.a, w.c)
		token := w.get(t, "&token_format=jwt&resource="+w.b.ID).AccessToken
		var header map[string]string
		var claims map[string]any
		decode(t, token, &header, &claims)
		if header["typ"] != "at+jwt" || header["alg"] != "EdDSA" || header["kid"] == "" || len(header) != 3 { // section 2.1
			t.Errorf("header %v", header)
		}
		for name, want := range map[string]any{"iss": w.Issuer, "sub": w.a.ID, "client_id": w.a.ID, "scope": w.b.ID} { // section 2.2
			if claims[name] != want {
				t.Errorf("%s: %v, want %v", name, claims[name], want)
			}
		}
		if aud, ok := claims["aud"].([]any); !ok || len(aud) != 1 || aud[0] != w.b.ID { // section 3: the resource that was asked for
			t.Errorf("aud %v", claims["aud"])
		}
		if id, _ := claims["jti"].(string); !strings.HasPrefix(id, "mt_") {
			t.Errorf("jti %v", claims["jti"])
		}
		iat, _ := claims["iat"].(float64)
		if exp, _ := claims["exp"].(float64); exp-iat < 3600 || exp-iat > 3601 {
			t.Errorf("%v to %v", iat, exp)
		}
	})
}

// decode reads header and claims of a JWT without checking anything.
func decode(t *testing.T, token string, header, claims any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, into := range []any{header, claims} {
		if err := json.Unmarshal(base64URL(t, parts[i]), into); err != nil {
			t.Fatal(err)
		}
	}
}
