package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/test/harness"
)

// signer is a key pair and how it is registered.
type signer struct {
	method gojwt.SigningMethod
	key    crypto.Signer
	jwk    harness.Fields
}

func edSigner(t *testing.T) signer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return signer{gojwt.SigningMethodEdDSA, private, harness.Fields{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}}
}

func ecSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return signer{gojwt.SigningMethodES256, key, harness.Fields{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}}
}

// assert makes an assertion of the machine for the issuer, with some claims changed, as golang-jwt writes it.
func (s signer) assert(t *testing.T, m harness.Machine, issuer string, changes gojwt.MapClaims) string {
	t.Helper()
	now := time.Now()
	claims := gojwt.MapClaims{"iss": m.ID, "sub": m.ID, "aud": issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	text, err := gojwt.NewWithClaims(s.method, claims).SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// with is the parameters of a client that signed.
func with(assertion string) string {
	return "&client_assertion_type=" + url.QueryEscape("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") + "&client_assertion=" + assertion
}

// keyed makes a machine that may call b and has this key.
func (w world) keyed(t *testing.T, s signer) harness.Machine {
	t.Helper()
	return w.MachineWith(t, harness.Fields{"name": "keyed", "scoped_machines": []string{w.b.ID}, "public_jwk": s.jwk})
}

func TestRFC7523Section3AMachineProvesItselfByItsKey(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for name, s := range map[string]signer{"EdDSA": edSigner(t), "ES256": ecSigner(t)} {
			m := w.keyed(t, s)
			other := edSigner(t)
			token := func(assertion string) harness.Reply {
				return form(t, w.Server, "/oauth2/token", harness.Machine{}, grant+with(assertion))
			}
			var got issued
			token(s.assert(t, m, w.Issuer, nil)).Want(t, http.StatusOK).Into(t, &got)
			if got.Scope != w.b.ID {
				t.Errorf("%s: %+v", name, got)
			}
			now := time.Now()
			for what, bad := range map[string]string{
				"another key":               other.assert(t, m, w.Issuer, nil),
				"for another issuer":        s.assert(t, m, "https://elsewhere.test", nil),
				"for the endpoint":          s.assert(t, m, w.Issuer+"/oauth2/token", nil), // draft-ietf-oauth-rfc7523bis
				"for several":               s.assert(t, m, w.Issuer, gojwt.MapClaims{"aud": []string{w.Issuer, "https://elsewhere.test"}}),
				"expired":                   s.assert(t, m, w.Issuer, gojwt.MapClaims{"exp": now.Add(-time.Second).Unix(), "iat": now.Add(-time.Minute).Unix()}),
				"too long":                  s.assert(t, m, w.Issuer, gojwt.MapClaims{"exp": now.Add(time.Hour).Unix()}),
				"for ever":                  s.assert(t, m, w.Issuer, gojwt.MapClaims{"exp": nil}),
				"without jti":               s.assert(t, m, w.Issuer, gojwt.MapClaims{"jti": nil}),
				"not yet":                   s.assert(t, m, w.Issuer, gojwt.MapClaims{"nbf": now.Add(time.Minute).Unix()}),
				"by another for it":         s.assert(t, m, w.Issuer, gojwt.MapClaims{"iss": w.a.ID}),
				"of a machine without keys": s.assert(t, w.a, w.Issuer, nil),
				"of nobody":                 s.assert(t, harness.Machine{ID: "mch_000000000000000000000000000"}, w.Issuer, nil),
				"its own access token":      got.AccessToken,
				"its secret":                m.SecretKey,
			} {
				wantError(t, name+" "+what, token(bad), 401, "invalid_client")
			}
			wantError(t, "for another client", form(t, w.Server, "/oauth2/token", harness.Machine{}, grant+"&client_id="+w.a.ID+with(s.assert(t, m, w.Issuer, nil))), 401, "invalid_client")

			// The receiver's key asks about the token, and the holder's ends it.
			w.Call(t, http.MethodPatch, "/v1/machines/"+w.b.ID, w.InstanceKey, harness.Fields{"public_jwk": other.jwk}).Want(t, http.StatusOK)
			ask := func(path string, m harness.Machine, s signer) string {
				t.Helper()
				return string(form(t, w.Server, path, harness.Machine{}, about(got.AccessToken)+with(s.assert(t, m, w.Issuer, nil))).Want(t, http.StatusOK).Body)
			}
			if said := ask("/oauth2/introspect", w.b, other); said == inactive {
				t.Errorf("%s: %s", name, said)
			}
			ask("/oauth2/revoke", m, s)
			if said := ask("/oauth2/introspect", w.b, other); said != inactive {
				t.Errorf("%s: %s", name, said)
			}
			// Its secret works besides, and rotating it away takes nothing from the key.
			form(t, w.Server, "/oauth2/token", m, grant).Want(t, http.StatusOK)
			w.Call(t, http.MethodPost, "/v1/machines/"+m.ID+"/secret_key/rotate", w.InstanceKey, harness.Fields{"previous_token_ttl": 0}).Want(t, http.StatusOK)
			token(s.assert(t, m, w.Issuer, nil)).Want(t, http.StatusOK)
		}
	})
}

// R16: what takes a key away holds for the next request, on whatever process.
func TestRFC7523Section3AKeyThatIsGoneProvesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		first, second := edSigner(t), ecSigner(t)
		m := w.keyed(t, first)
		try := func(s signer) harness.Reply {
			return form(t, w.Server, "/oauth2/token", harness.Machine{}, grant+with(s.assert(t, m, w.Issuer, nil)))
		}
		set := func(jwk any) {
			t.Helper()
			w.Call(t, http.MethodPatch, "/v1/machines/"+m.ID, w.InstanceKey, harness.Fields{"public_jwk": jwk}).Want(t, http.StatusOK)
		}
		try(first).Want(t, http.StatusOK)
		set(second.jwk)
		wantError(t, "the key before", try(first), 401, "invalid_client")
		try(second).Want(t, http.StatusOK)
		set(nil)
		wantError(t, "no key", try(second), 401, "invalid_client")
		set(first.jwk)
		try(first).Want(t, http.StatusOK)
		w.Call(t, http.MethodDelete, "/v1/machines/"+m.ID, w.InstanceKey, nil).Want(t, http.StatusOK)
		wantError(t, "deleted", try(first), 401, "invalid_client")
	})
}

// RFC 7523 section 3, point 7: fifty requests with one assertion get one token, and one token is billed.
func TestOneAssertionGetsOneTokenHoweverOftenItIsSent(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) { sendOneAssertion(t, w, []*harness.Server{w.Server}) })
}

func TestOneAssertionGetsOneTokenFromAllProcessesTogether(t *testing.T) {
	t.Parallel()
	replicas := harness.OnPostgres(t, 2)
	sendOneAssertion(t, newWorld(t, replicas[0]), replicas)
}

func sendOneAssertion(t *testing.T, w world, replicas []*harness.Server) {
	t.Helper()
	began := time.Now()
	s := edSigner(t)
	m := w.keyed(t, s)
	const rounds, senders = 5, 50
	var sent []string
	for range rounds {
		sent = append(sent, s.assert(t, m, w.Issuer, nil))
		body := grant + with(sent[len(sent)-1])
		var got atomic.Int64
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() {
				send := func() harness.Reply {
					return form(t, replicas[i%len(replicas)], "/oauth2/token", harness.Machine{}, body)
				}
				r := send()
				for r.Status == http.StatusServiceUnavailable { // a busy machine: nobody looked at the assertion, or nobody knows
					r = send()
				}
				if r.Status == http.StatusOK {
					got.Add(1)
					return
				}
				wantError(t, "again", r, 401, "invalid_client")
			})
		}
		all.Wait()
		if got.Load() != 1 {
			t.Errorf("%d tokens for one assertion", got.Load())
		}
		for _, r := range replicas {
			wantError(t, "later", form(t, r, "/oauth2/token", harness.Machine{}, body), 401, "invalid_client")
		}
	}
	var billed int64
	for _, row := range w.UsageOf(t, w.InstanceKey, began, time.Now()).Data {
		if row.Machine == m.ID && row.Operation == "create" {
			billed += row.Total
		}
	}
	if billed != rounds {
		t.Errorf("%d tokens billed for %d assertions", billed, rounds)
	}
	for _, r := range replicas { // R61, at the level debug
		log, err := os.ReadFile(r.LogPath)
		if err != nil || !strings.Contains(string(log), "/oauth2/token") {
			t.Fatalf("the log: %v", err)
		}
		for _, assertion := range sent {
			if strings.Contains(string(log), assertion[len(assertion)-40:]) {
				t.Error("the log has an assertion")
			}
		}
	}
}

func base64URL(t *testing.T, text string) []byte {
	t.Helper()
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
