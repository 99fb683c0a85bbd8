package verifytest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

func (i *Issuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	if i.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	public, _ := i.key.Public().(ed25519.PublicKey)
	etag := `"` + string(i.kid) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "public, max-age=600")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q}]}`,
		i.kid, base64.RawURLEncoding.EncodeToString(public))
}

func (i *Issuer) serveVerify(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.batches++
	var body struct {
		Tokens []string `json:"tokens"`
	}
	switch {
	case i.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"errors":[{"code":"service_unavailable"}]}`))
		return
	case r.Header.Get("Authorization") != "Bearer "+i.secret.Reveal():
		w.WriteHeader(http.StatusUnauthorized)
		return
	case json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(&body) != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	results := make([]any, len(body.Tokens))
	for n, t := range body.Tokens {
		results[n] = i.look(t)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
}

// serveCreate mints a token for Caller.
func (i *Issuer) serveCreate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Format  m2m.Format      `json:"token_format"`
		Seconds float64         `json:"seconds_until_expiration"`
		Claims  json.RawMessage `json:"claims"`
	}
	if r.Header.Get("Authorization") != "Bearer "+i.caller.Reveal() {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	t := Token{Life: time.Duration(body.Seconds * float64(time.Second))}
	if len(body.Claims) > 0 {
		t.Claims = body.Claims
	}
	mint := i.Opaque
	if body.Format == m2m.JWT {
		mint = i.JWT
	}
	token := mint(t)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer := i.look(token)
	answer["token"] = token
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(answer)
}

// look answers for one token as the real issuer does. The caller holds mu.
func (i *Issuer) look(token string) map[string]any {
	g, opaque := i.opaque[token]
	format := m2m.Opaque
	if !opaque {
		g, format = i.jwts[token], m2m.JWT
	}
	if g.ID == "" || i.revoked[token] || g.Expired(time.Now()) || !slices.Contains(g.Scopes, Receiver) { //nolint:forbidigo // a test's issuer has the real clock
		return map[string]any{"errors": []any{map[string]string{"code": "resource_not_found"}}}
	}
	claims := json.RawMessage("null")
	if g.Claims != nil {
		claims = json.RawMessage(g.Claims)
	}
	return map[string]any{
		"object": "machine_to_machine_token", "id": g.ID, "subject": g.Machine, "scopes": g.Scopes, "claims": claims, "revoked": false,
		"revocation_reason": nil, "expired": false, "expiration": g.ExpiresAt.UnixMilli(), "last_used_at": nil,
		"created_at": g.IssuedAt.UnixMilli(), "updated_at": g.IssuedAt.UnixMilli(), "token_format": format,
	}
}
