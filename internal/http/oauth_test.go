package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const grant = "grant_type=client_credentials"

// post sends a form to an OAuth endpoint.
func (w *world) post(path, body string, adjust ...func(*http.Request)) *httptest.ResponseRecorder {
	typed := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	return w.call("POST", path, "", body, append([]func(*http.Request){typed}, adjust...)...)
}

func basic(id m2m.MachineID, s secret.Text) func(*http.Request) {
	return authorization("Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(string(id))+":"+url.QueryEscape(s.Reveal()))))
}

func authorization(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add("Authorization", value) }
}

func formClient(id m2m.MachineID, s secret.Text) string {
	return "&client_id=" + string(id) + "&client_secret=" + s.Reveal()
}

// wantOAuth expects an error of RFC 6749 section 5.2 and nothing else in the body.
func wantOAuth(tb testing.TB, r *httptest.ResponseRecorder, status int, code string) {
	tb.Helper()
	var body map[string]string
	if err := json.Unmarshal(r.Body.Bytes(), &body); err != nil || r.Code != status || body["error"] != code || len(body) != 2 {
		tb.Errorf("%d %s, want %d %s", r.Code, r.Body, status, code)
	}
	if strings.ContainsAny(body["error_description"], "\"\\\n") || body["error_description"] == "" {
		tb.Errorf("description %q", body["error_description"])
	}
	if r.Header().Get("Cache-Control") != "no-store" || r.Header().Get("Content-Type") != "application/json" {
		tb.Errorf("headers %v", r.Header())
	}
	if status == 401 && r.Header().Get("WWW-Authenticate") == "" {
		tb.Error("401 without a challenge")
	}
}

func TestRFC6749Section5_1TheAnswerIsNotKept(t *testing.T) {
	w := newWorld(t)
	r := w.post("/oauth2/token", grant, basic(idA, secretA))
	wantJSON(t, r, 200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600,"scope":%q}`, goodToken.Reveal(), idB))
	if r.Header().Get("Cache-Control") != "no-store" || r.Header().Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", r.Header())
	}
	w.tokens.record = m2m.Record{Grant: m2m.Grant{IssuedAt: noon}, CreatedAt: noon} // endless, for nobody
	wantJSON(t, w.post("/oauth2/token", grant, basic(idA, secretA)), 200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer"}`, goodToken.Reveal()))
}

func TestRFC6749Section2_3_1CredentialsByBasicOrInTheFormAndNeverBoth(t *testing.T) {
	w := newWorld(t)
	escaped := authorization("basic " + base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(idA), "_", "%5F", 1)+":"+strings.Replace(secretA.Reveal(), "_", "%5f", 1))))
	for name, r := range map[string]*httptest.ResponseRecorder{
		"basic":              w.post("/oauth2/token", grant, basic(idA, secretA)),
		"basic, url-encoded": w.post("/oauth2/token", grant, escaped),
		"form":               w.post("/oauth2/token", grant+formClient(idA, secretA)),
		"basic and its name": w.post("/oauth2/token", grant+"&client_id="+string(idA), basic(idA, secretA)),
	} {
		if r.Code != 200 {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
	}
	for _, body := range []string{formClient(idA, secretA), formClient(idB, secretB), "&client_id=" + string(idB), "&client_secret=x"} {
		wantOAuth(t, w.post("/oauth2/token", grant+body, basic(idA, secretA)), 400, "invalid_request")
	}
}

// Only those who may ask are told what they asked wrongly.
func TestRFC6749Section5_2InvalidClient(t *testing.T) {
	w := newWorld(t)
	raw := func(s string) func(*http.Request) {
		return authorization("Basic " + base64.StdEncoding.EncodeToString([]byte(s)))
	}
	for name, how := range map[string]func(*http.Request){
		"another's secret":  basic(idB, secretA),
		"an unknown secret": basic(idA, deadToken),
		"the instance key":  basic(m2m.MachineID(instanceID), instanceKey),
		"its own name":      basic(idA, instanceKey),
		"no base64":         authorization("Basic !"),
		"no colon":          raw(string(idA)),
		"no name":           raw(":" + secretA.Reveal()),
		"a broken escape":   raw(string(idA) + ":%zz"),
		"a bearer":          authorization("Bearer " + secretA.Reveal()),
		"two headers":       func(r *http.Request) { basic(idA, secretA)(r); basic(idA, secretA)(r) },
		"nothing":           func(*http.Request) {},
	} {
		for _, body := range []string{grant, "grant_type=other", grant + "&scope=x"} {
			t.Run(name, func(t *testing.T) {
				wantOAuth(t, w.post("/oauth2/token", body, how), 401, "invalid_client")
			})
		}
	}
	if got := w.post("/oauth2/token", grant).Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
		t.Errorf("challenge %q", got)
	}
}

func TestRFC6749Section3_2ParametersAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	who := basic(idA, secretA)
	for body, code := range map[string]string{
		"":                                "invalid_request",
		"grant_type=":                     "invalid_request",
		"grant_type=password":             "unsupported_grant_type",
		"GRANT_TYPE=client_credentials":   "invalid_request",
		grant + "&" + grant:               "invalid_request",
		grant + "&scope=&scope=":          "invalid_request",
		grant + "&x=%zz":                  "invalid_request",
		grant + "&x=%ff":                  "invalid_request",
		grant + "&x=%00":                  "invalid_request",
		grant + ";x=1":                    "invalid_request",
		grant + strings.Repeat("&x", 512): "invalid_request",
		grant + "&scope=x":                "invalid_scope",
		grant + "&scope=" + string(idB) + "++" + string(idB): "invalid_scope",
	} {
		wantOAuth(t, w.post("/oauth2/token", body, who), 400, code)
	}
	for _, body := range []string{grant + "&unknown=1&&scope=&resource=&token_format=", "&" + grant + "&"} {
		wantStatus(t, w.post("/oauth2/token", body, who), 200)
		if r := w.tokens.request; r.Scopes != nil || r.Resources != nil || r.Format != "" || r.Client != idA {
			t.Errorf("%q: %+v", body, r)
		}
	}
	wantOAuth(t, w.post("/oauth2/token?"+grant, grant, who), 400, "invalid_request")
	wantOAuth(t, w.post("/oauth2/token", grant+"&x="+strings.Repeat("x", bodyCap), who), 413, "invalid_request")
	for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded; charset=latin1"} {
		wantOAuth(t, w.post("/oauth2/token", grant, who, func(r *http.Request) { r.Header.Set("Content-Type", kind) }), 400, "invalid_request")
	}
}

func TestRFC8707Section2ResourceNarrowsAndMayStandTwice(t *testing.T) {
	w := newWorld(t)
	body := grant + "&token_format=jwt&scope=" + string(idA) + "+" + string(idB) + "&resource=" + string(idB) + "&resource=" + string(idA)
	wantStatus(t, w.post("/oauth2/token", body, basic(idA, secretA)), 200)
	r := w.tokens.request
	if r.Format != m2m.JWT || !slices.Equal(r.Scopes, m2m.Scopes{idA, idB}) || !slices.Equal(r.Resources, m2m.Scopes{idB, idA}) {
		t.Errorf("%+v", r)
	}
	for field, code := range map[string]string{"resource": "invalid_target", "scope": "invalid_scope", "token_format": "invalid_request", "claims": "invalid_request"} {
		w.tokens.fail = &m2m.FieldError{Field: field, Reason: m2m.WrongValue, Message: `must be "good"`}
		wantOAuth(t, w.post("/oauth2/token", body, basic(idA, secretA)), 400, code)
	}
}

// R12, I6: a fault is never an answer about the client or the token.
func TestOAuthFaultsAreNeitherYesNorNo(t *testing.T) {
	for err, want := range map[error]int{m2m.ErrUnavailable: 503, m2m.ErrBusy: 503, fmt.Errorf("x"): 500} {
		w := newWorld(t)
		w.tokens.fail = err
		code := map[int]string{503: "temporarily_unavailable", 500: "server_error"}[want]
		r := w.post("/oauth2/token", grant, basic(idA, secretA))
		wantOAuth(t, r, want, code)
		if (r.Header().Get("Retry-After") != "") != (want == 503) {
			t.Errorf("%d with Retry-After %q", want, r.Header().Get("Retry-After"))
		}
		if strings.Contains(w.log.String(), secretA.Reveal()) {
			t.Error("the log has the secret")
		}
	}
	w := newWorld(t, func(d *Deps) { d.Limits = Limits{PerCredential: 1} })
	wantStatus(t, w.post("/oauth2/token", grant, basic(idA, secretA)), 200)
	wantOAuth(t, w.post("/oauth2/token", grant+formClient(idA, secretA)), 429, "temporarily_unavailable")
}

// oauthCalls is every form of the OAuth endpoints that is served when nothing is wrong.
func oauthCalls() [][3]string {
	return [][3]string{
		{"POST", "/oauth2/token", grant},
		{"POST", "/oauth2/introspect", aboutToken(goodToken)},
		{"POST", "/oauth2/revoke", aboutToken(goodToken)},
		{"GET", "/v1/forward_auth", ""},
		{"POST", "/v1/forward_auth", ""},
	}
}
