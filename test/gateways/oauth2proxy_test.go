package gateways

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// oauth2Proxy starts the proxy in front of the world's service, as its page has it.
func oauth2Proxy(t *testing.T, w *world) gateway {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	config := write(t, dir, "oauth2-proxy.cfg", page(t, "oauth2-proxy.md", "/etc/oauth2-proxy.cfg",
		"127.0.0.1:4180", address,
		"127.0.0.1:9000", w.service.address,
		"https://tokens.example.com", w.front.url,
		"mch_2ORDERSxxxxxxxxxxxxxxxxxxxx", w.b.ID,
		"<openssl rand -hex 16>", rand.Text()[:16]))
	run(t, dir, address, []string{"SSL_CERT_FILE=" + w.front.ca}, "oauth2-proxy", "--config", config)
	return gateway{w, "http://" + address}
}

func TestOAuth2ProxyAcceptsOurJWTs(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	for range 3 {
		bearer := "Bearer " + g.mint(t, "jwt", harness.Fields{"order": 42}).Token
		g.send(t, "POST", "/orders?q=1", "an order", "Authorization", bearer, "X-Forwarded-User", g.stranger.ID).Want(t, http.StatusOK)
		at := g.service.take()
		if len(at) != 1 || at[0].method != "POST" || at[0].uri != "/orders?q=1" || at[0].body != "an order" {
			t.Fatalf("the service got %v", at)
		}
		if user := at[0].header["X-Forwarded-User"]; len(user) != 1 || user[0] != g.a.ID {
			t.Errorf("the service is told that %q calls", user)
		}
	}
}

// Beside a provider of people: an extra issuer has no setting for its algorithm, so it has to be found by discovery.
func TestOAuth2ProxyTakesUsForAnExtraIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir, address := t.TempDir(), freeAddress(t)
	config := write(t, dir, "oauth2-proxy.cfg", page(t, "oauth2-proxy.md", "/etc/oauth2-proxy.cfg",
		"127.0.0.1:4180", address,
		"127.0.0.1:9000", w.service.address,
		"https://tokens.example.com", w.front.url,
		"mch_2ORDERSxxxxxxxxxxxxxxxxxxxx", w.stranger.ID, // no token of A is for the first provider
		"<openssl rand -hex 16>", rand.Text()[:16])+`extra_jwt_issuers = ["`+w.front.url+"="+w.b.ID+"\"]\n")
	run(t, dir, address, []string{"SSL_CERT_FILE=" + w.front.ca}, "oauth2-proxy", "--config", config)
	g := gateway{w, "http://" + address}
	good := g.mint(t, "jwt", nil).Token
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+good).Want(t, http.StatusOK)
	if at := g.service.take(); len(at) != 1 || at[0].header.Get("X-Forwarded-User") != g.a.ID {
		t.Errorf("the service got %v", at)
	}
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+unsigned(t, good)).Want(t, http.StatusUnauthorized)
}

// A token that an OAuth client was given is no other.
func TestOAuth2ProxyAcceptsWhatTheTokenEndpointIssues(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+g.issued(t)).Want(t, http.StatusOK)
	if at := g.service.take(); len(at) != 1 || at[0].header.Get("X-Forwarded-User") != g.a.ID {
		t.Errorf("the service got %v", at)
	}
}

// What the caller chose to claim about itself never becomes its identity.
func TestOAuth2ProxyNamesTheMachineWhateverItClaims(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	bearer := "Bearer " + g.mint(t, "jwt", harness.Fields{
		"email": "root@example.com", "preferred_username": "root", "groups": []string{"admins"}, "user": "root", "name": "root",
	}).Token
	g.send(t, "GET", "/", "", "Authorization", bearer).Want(t, http.StatusOK)
	at := g.service.take()
	if user := at[0].header["X-Forwarded-User"]; len(user) != 1 || user[0] != g.a.ID {
		t.Errorf("the service is told that %q calls", user)
	}
	// The page warns of this; should it change, the warning can go.
	if email := at[0].header.Get("X-Forwarded-Email"); email != "root@example.com" {
		t.Errorf("X-Forwarded-Email is %q: what the page says of it is no longer so", email)
	}
}

func TestOAuth2ProxyRefusesBadJWTs(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	good, bad := map[string]string{}, map[string]string{}
	g.tokensOf(t, "jwt", good, bad)
	bad["for nobody"] = g.Mint(t, g.MachineWith(t, harness.Fields{"name": "for nobody"}).SecretKey, harness.Fields{"token_format": "jwt"}).Token
	bad["with another token's payload"] = spliced(good["a good jwt"], bad["jwt for another receiver"])
	bad["opaque"] = g.mint(t, "opaque", nil).Token
	for name, token := range bad {
		if got := g.send(t, "GET", "/", "", "Authorization", "Bearer "+token); got.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	g.send(t, "GET", "/", "").Want(t, http.StatusUnauthorized)
	if at := g.service.take(); len(at) != 0 {
		t.Errorf("%d requests reached the service: %v", len(at), at)
	}
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+good["a good jwt"]).Want(t, http.StatusOK)
}

// R39: a token of a key that began to sign after the proxy had fetched the key set.
func TestOAuth2ProxyFollowsARotation(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	before := g.mint(t, "jwt", nil).Token
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+before).Want(t, http.StatusOK)
	for range 2 { // the first brings a key that was announced already
		g.Call(t, http.MethodPost, "/v1/keys/rotate", g.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
	}
	after := g.mint(t, "jwt", nil).Token
	if headerOf(t, before)["kid"] == headerOf(t, after)["kid"] {
		t.Fatal("both tokens have one key")
	}
	for _, token := range []string{after, before} {
		g.send(t, "GET", "/", "", "Authorization", "Bearer "+token).Want(t, http.StatusOK)
	}
}

// R35: it works on the keys it has, and fails closed without.
func TestOAuth2ProxyOutlivesTheIssuer(t *testing.T) {
	t.Parallel()
	g := oauth2Proxy(t, newWorld(t))
	token := "Bearer " + g.mint(t, "jwt", nil).Token
	unseen := oauth2Proxy(t, g.world)
	g.send(t, "GET", "/", "", "Authorization", token).Want(t, http.StatusOK)
	g.Kill()
	g.send(t, "GET", "/", "", "Authorization", token).Want(t, http.StatusOK)
	g.service.take()
	if got := unseen.send(t, "GET", "/", "", "Authorization", token); got.Status != http.StatusUnauthorized || len(g.service.take()) != 0 {
		t.Errorf("without a key set the client gets %d", got.Status)
	}
}

func headerOf(t *testing.T, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	var header map[string]any
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func part(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// resigned is the token with a header changed (nil takes a member away) and a signature by this key.
func resigned(t *testing.T, token string, change map[string]any, key ed25519.PrivateKey) string {
	t.Helper()
	header := headerOf(t, token)
	for name, value := range change {
		header[name] = value
		if value == nil {
			delete(header, name)
		}
	}
	text := part(t, header) + "." + strings.Split(token, ".")[1]
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func unsigned(t *testing.T, token string) string {
	t.Helper()
	return part(t, map[string]any{"alg": "none", "typ": "at+jwt"}) + "." + strings.Split(token, ".")[1] + ".AA"
}

// altered is the token with one text of its claims replaced under the old signature.
func altered(t *testing.T, token, from, to string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !strings.Contains(string(claims), from) {
		t.Fatalf("claims %s: %v", claims, err)
	}
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(claims), from, to))) + "." + parts[2]
}

func spliced(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + strings.Split(payload, ".")[1] + "." + parts[2]
}

func publicJWK(key ed25519.PrivateKey) map[string]any {
	public, _ := key.Public().(ed25519.PublicKey)
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": base64.RawURLEncoding.EncodeToString(public)}
}
