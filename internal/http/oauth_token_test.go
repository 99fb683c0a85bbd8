package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func aboutToken(s secret.Text) string { return "token_type_hint=access_token&token=" + s.Reveal() }

func TestRFC7662Section2_2AGoodTokenSaysWhatItIs(t *testing.T) {
	w := newWorld(t)
	want := fmt.Sprintf(`{"active":true,"token_type":"Bearer","iss":"https://auth.example.com","sub":%q,"client_id":%q,"aud":[%q],"scope":%q,"jti":%q,`+
		`"iat":%d,"nbf":%d,"exp":%d,"claims":{"a":[1,"x"]}}`, idA, idA, idB, idB, tokenID, noon.Unix(), noon.Unix(), noon.Unix()+3600)
	for _, how := range []func(*http.Request){
		basic(idB, secretB), basic(m2m.MachineID(instanceID), instanceKey), authorization("Bearer " + secretB.Reveal()), authorization("Bearer " + instanceKey.Reveal()),
	} {
		wantJSON(t, w.post("/oauth2/introspect", aboutToken(goodToken), how), 200, want)
	}
	wantJSON(t, w.post("/oauth2/introspect", aboutToken(goodToken)+formClient(idB, secretB)), 200, want)
}

// Whatever is wrong with a token, there is one answer, to the byte.
func TestRFC7662Section2_2ABadTokenSaysNothingElse(t *testing.T) {
	w := newWorld(t)
	for token, who := range map[secret.Text]func(*http.Request){
		goodToken: basic(idA, secretA), deadToken: basic(idB, secretB), "x": basic(idB, secretB), secretB: authorization("Bearer " + instanceKey.Reveal()),
	} {
		if r := w.post("/oauth2/introspect", aboutToken(token), who); r.Code != 200 || r.Body.String() != `{"active":false}` {
			t.Errorf("%d %s", r.Code, r.Body)
		}
	}
}

func TestRFC7662Section2_1OnlyKnownClientsAsk(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke"} {
		for _, how := range []func(*http.Request){
			func(*http.Request) {}, basic(idA, secretB), basic(idA, instanceKey), basic(idB, deadToken), authorization("Bearer x"), authorization("Digest x"),
		} {
			for _, body := range []string{aboutToken(goodToken), "token="} {
				wantOAuth(t, w.post(path, body, how), 401, "invalid_client")
			}
		}
		wantOAuth(t, w.post(path, aboutToken(goodToken)+"&client_id="+string(idA), authorization("Bearer "+secretB.Reveal())), 401, "invalid_client")
		wantOAuth(t, w.post(path, "token=", basic(idB, secretB)), 400, "invalid_request")
		wantOAuth(t, w.post(path, aboutToken(goodToken)+formClient(idB, secretB), basic(idB, secretB)), 400, "invalid_request")
		wantOAuth(t, w.post(path, aboutToken(goodToken)+formClient(idB, secretB), authorization("Bearer "+secretB.Reveal())), 400, "invalid_request")
		wantOAuth(t, w.post(path, aboutToken(goodToken)+"&token=x", basic(idB, secretB)), 400, "invalid_request")
	}
	if len(w.tokens.revoked) != 0 {
		t.Errorf("revoked %v", w.tokens.revoked)
	}
}

func TestRFC7009Section2_2AnUnknownTokenIsRevokedAlready(t *testing.T) {
	w := newWorld(t)
	for _, token := range []secret.Text{goodToken, deadToken, "x"} {
		r := w.post("/oauth2/revoke", aboutToken(token), basic(idA, secretA))
		wantJSON(t, r, 200, `{}`)
	}
	wantJSON(t, w.post("/oauth2/revoke", aboutToken(goodToken), basic(idB, secretB)), 200, `{}`)
	if len(w.tokens.revoked) != 1 || w.tokens.revoked[0] != idA {
		t.Errorf("revoked by %v", w.tokens.revoked)
	}
}

// I6: "cannot tell now" never reads as good or bad, nor as done.
func TestOAuthInTroubleNeverSaysActiveOrRevoked(t *testing.T) {
	for _, err := range []error{m2m.ErrUnavailable, m2m.ErrBusy, errors.Join(m2m.ErrRefused, m2m.ErrUnavailable), errors.Join(m2m.ErrNotFound, m2m.ErrBusy)} {
		w := newWorld(t)
		w.tokens.fail = err
		for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke"} {
			wantOAuth(t, w.post(path, aboutToken(goodToken), basic(idB, secretB)), 503, "temporarily_unavailable")
		}
	}
}

// RFC 6749 section 3.3 has no empty scope, and RFC 7662 section 2.2 requires none.
func TestRFC7662Section2_2ATokenForNobodyHasNoScope(t *testing.T) {
	w := newWorld(t)
	w.tokens.record.Scopes = nil
	if got := w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB)).Body.String(); !strings.Contains(got, `"aud":[],"jti"`) || !json.Valid([]byte(got)) {
		t.Error(got)
	}
}
