package secrets

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// story makes every kind of credential, uses each well and badly, and tells the finder of all of them.
func story(t *testing.T, s *harness.Server, f *finder) {
	t.Helper()
	f.text("instance key", s.InstanceKey)
	f.masterKey(t, s.MasterKey)

	b := s.NewMachine(t, "receiver")
	a := s.NewMachine(t, "caller", b)
	f.text("a's first secret", a.SecretKey)
	f.text("b's secret", b.SecretKey)
	for i, overlap := range []int{600, 0, 600} {
		var out struct{ Secret string }
		s.Call(t, http.MethodPost, "/v1/machines/"+a.ID+"/secret_key/rotate", s.InstanceKey, harness.Fields{"previous_token_ttl": overlap}).
			Want(t, http.StatusOK).Into(t, &out)
		f.text("a's rotated secret "+string(rune('1'+i)), out.Secret)
		a.SecretKey = out.Secret
	}
	s.Call(t, http.MethodGet, "/v1/machines/"+a.ID+"/secret_key", s.InstanceKey, nil).Want(t, http.StatusOK)

	for _, format := range []string{"opaque", "jwt"} {
		for _, fields := range []harness.Fields{
			{"token_format": format, "claims": harness.Fields{"a": 1}},
			{"token_format": format, "min_remaining_ttl_seconds": 5, "claims": harness.Fields{"b": 2}},
		} {
			token := s.Mint(t, a.SecretKey, fields)
			f.token(format, token.Token)
			s.Mint(t, a.SecretKey, fields)
			s.Verify(t, b.SecretKey, token.Token).Want(t, http.StatusOK)
			s.Verify(t, s.InstanceKey, token.Token).Want(t, http.StatusOK)
			s.Verify(t, a.SecretKey, token.Token).Want(t, http.StatusNotFound)
			s.Call(t, http.MethodPost, "/m2m_tokens/verify_batch", b.SecretKey, harness.Fields{"tokens": []string{token.Token, "x"}}).Want(t, http.StatusOK)
			misplace(t, s, token.Token)
			s.Revoke(t, a.SecretKey, token.ID).Want(t, http.StatusOK)
			s.Verify(t, b.SecretKey, token.Token).Want(t, http.StatusNotFound)
		}
	}
	// What was revoked is no longer kept for reuse: one of each is left to search for.
	for _, format := range []string{"opaque", "jwt"} {
		f.token(format, s.Mint(t, a.SecretKey, harness.Fields{"token_format": format, "min_remaining_ttl_seconds": 5}).Token)
	}
	inTheBrowser(t, s, f, a)
	for _, credential := range []string{a.SecretKey, b.SecretKey, s.InstanceKey, s.MasterKey} {
		misplace(t, s, credential)
	}
	for _, p := range []secret.Prefix{secret.OpaqueToken, secret.MachineSecret, secret.InstanceKey} {
		unknown := secret.New(p).Reveal() // somebody else's, shown to us by mistake
		f.text("an unknown "+string(p), unknown)
		misplace(t, s, unknown)
	}
	s.Call(t, http.MethodDelete, "/v1/machines/"+b.ID, s.InstanceKey, nil).Want(t, http.StatusOK)
}

func (f *finder) token(format, token string) {
	if format == "opaque" {
		f.text("an opaque token", token)
		return
	}
	// The header of a JWT is no secret, and neither is what it claims: its signature makes it a credential.
	f.text("a JWT", token[strings.LastIndex(token, ".")+1:])
}

// masterKey looks for the key as it is configured and as it is used.
func (f *finder) masterKey(t *testing.T, text string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	f.text("master key", text)
	f.binary("master key's bytes", raw)
}

// misplace sends a credential everywhere where it does not belong. Nothing of this may be answered well, or with a 5xx.
func misplace(t *testing.T, s *harness.Server, credential string) {
	t.Helper()
	inURL := url.QueryEscape(credential)
	quoted := `"` + credential + `"`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("mch_x:"+credential))
	type request struct{ method, path, authorization, body string }
	operator := "Bearer " + s.InstanceKey
	for _, r := range []request{
		{http.MethodGet, "/" + inURL, "", ""},
		{http.MethodGet, "/v1/machines/" + inURL, operator, ""},
		{http.MethodGet, "/v1/machines/" + inURL + "/secret_key", operator, ""},
		{http.MethodDelete, "/v1/machines/" + inURL, operator, ""},
		{http.MethodPost, "/m2m_tokens/" + inURL + "/revoke", operator, "{}"},
		{http.MethodPut, "/v1/" + inURL, operator, quoted},
		{http.MethodGet, "/v1/machines?token=" + inURL, "", ""},
		{http.MethodGet, "/v1/machines?order_by=" + inURL, operator, ""},
		{http.MethodGet, "/v1/machines?limit=" + inURL, operator, ""},
		{http.MethodGet, "/m2m_tokens?subject=" + inURL, operator, ""},
		{http.MethodGet, "/m2m_tokens?" + inURL + "=%zz", operator, ""},
		{http.MethodGet, "/v1/usage?start=" + inURL, operator, ""},
		{http.MethodGet, "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&group_by=" + inURL, operator, ""},
		{http.MethodGet, "/v1/machines", credential, ""},
		{http.MethodGet, "/v1/machines", basic, ""},
		{http.MethodGet, "/v1/machines", "Bearer " + credential + "!", ""},
		{http.MethodGet, "/v1/machines", "Bearer " + credential + " " + credential, ""},
		{http.MethodPost, "/m2m_tokens", "Bearer " + credential + "x", "{}"},
		{http.MethodPost, "/m2m_tokens/verify", "Bearer " + credential + "x", `{"token":` + quoted + `}`},
		{http.MethodPost, "/m2m_tokens/verify", "", `{"token":` + quoted + `}`},
		{http.MethodPost, "/m2m_tokens/verify", operator, `{"token":[` + quoted + `]}`},
		{http.MethodPost, "/m2m_tokens/verify", operator, `{"token":` + quoted},
		{http.MethodPost, "/m2m_tokens/verify", operator, `{` + quoted + `:1}`},
		{http.MethodPost, "/m2m_tokens/verify", operator, `{"token":` + quoted + `,"token":` + quoted + `}`},
		{http.MethodPost, "/m2m_tokens/verify_batch", operator, `{"tokens":` + quoted + `}`},
		{http.MethodPost, "/v1/machines", operator, `{"name":"x","secret_key":` + quoted + `}`},
		{http.MethodPost, "/v1/machines", operator, `{"name":"x","scoped_machines":[` + quoted + `]}`},
		{http.MethodPost, "/v1/machines", operator, `{"name":"x","default_token_format":` + quoted + `}`},
		{http.MethodPost, "/v1/machines", operator, `{"name":"` + strings.Repeat(credential, 10) + `","default_token_ttl":0}`},
		{http.MethodPost, "/v1/machines", operator, `{"name":"x","public_jwk":{"kty":"OKP","d":` + quoted + `}}`},
		{http.MethodPost, "/api_keys/verify", operator, `{"secret":` + quoted + `}`},
		{http.MethodPost, "/oauth_applications/access_tokens/verify", operator, `{"access_token":` + quoted + `}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, s.Base+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		if r.authorization != "" {
			req.Header.Set("Authorization", r.authorization)
		}
		req.Header.Set("Content-Type", "application/json")
		for _, name := range []string{"User-Agent", "Referer", "Cookie", "X-Forwarded-For", "X-Request-Id", "Clerk-Trace-Id", "Traceparent", "Origin", "Accept", "X-Api-Key"} {
			req.Header.Set(name, credential)
		}
		got := s.Send(t, req)
		if got.Status < 400 || got.Status >= 500 {
			t.Errorf("%s %.40s: %d", r.method, r.path, got.Status)
		}
	}
}
