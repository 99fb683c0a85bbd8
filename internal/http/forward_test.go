package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func forReceiver(values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[receiverHeader] = values }
}

func TestForwardAuthTellsAProxyWhoCame(t *testing.T) {
	w := newWorld(t)
	w.tokens.record.Claims = m2m.Claims("{\"a\":\"é\U0001F600\x7f\"}")
	for _, method := range []string{"GET", "POST"} {
		r := w.call(method, "/v1/forward_auth", goodToken, "", forReceiver(secretB.Reveal()))
		h := r.Header()
		if r.Code != 200 || r.Body.Len() != 0 || h.Get("Dualmint-Machine-Id") != string(idA) || h.Get("Dualmint-Scopes") != string(idB) ||
			h.Get("Dualmint-Claims") != `{"a":"\u00e9\ud83d\ude00\u007f"}` || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s %v", r.Code, r.Body, h)
		}
	}
	w.tokens.record.Claims = nil
	if got := w.call("GET", "/v1/forward_auth", goodToken, "", forReceiver(secretB.Reveal())).Header().Get("Dualmint-Claims"); got != "null" {
		t.Errorf("no claims are %q", got)
	}
}

// Envoy asks with the method of the request that it holds, and with its path and query behind ours.
func TestForwardAuthIsOneQuestionWhateverTheMethodAndThePath(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range []string{"", "/", "/orders/42?q=1", "//x", "/../machines", "/%2e%2e/%2F", "/v1/machines"} {
			good := w.call(method, "/v1/forward_auth"+path, goodToken, "{}", forReceiver(secretB.Reveal()))
			if good.Code != 200 || good.Body.Len() != 0 || good.Header().Get("Dualmint-Machine-Id") != string(idA) {
				t.Errorf("%s %s: %d %s", method, path, good.Code, good.Body)
			}
			bad := w.call(method, "/v1/forward_auth"+path, deadToken, "{}", forReceiver(secretB.Reveal()))
			if bad.Code != 401 || bad.Header().Get("WWW-Authenticate") == "" || bad.Header().Get("Dualmint-Machine-Id") != "" {
				t.Errorf("%s %s: %d %s for a bad token", method, path, bad.Code, bad.Body)
			}
		}
	}
	for _, beside := range []string{"/v1/forward_authx", "/v1/forward_aut", "/forward_auth/x"} {
		if r := w.call("GET", beside, goodToken, "", forReceiver(secretB.Reveal())); r.Code != 404 {
			t.Errorf("%s: %d", beside, r.Code)
		}
	}
}

// What the answer does not say, the operator of the proxy finds in the log, without the secret (R61).
func TestLogTellsWhatTheProxySetWrongly(t *testing.T) {
	for want, who := range map[string]func(*http.Request){
		"\"reason\":\"the proxy must send Dualmint-Machine-Secret once\"": func(*http.Request) {},
		"\"reason\":\"Dualmint-Machine-Secret is no machine secret\"":     forReceiver("ak_wrong"),
		"\"status\":401,": forReceiver(secretA.Reveal()),
	} {
		w := newWorld(t)
		wantOAuth(t, w.call("GET", "/v1/forward_auth", goodToken, "", who), 401, "invalid_token")
		if got := w.log.String(); !strings.Contains(got, want) || strings.Contains(got, "ak_") || strings.Contains(got, "\"reason\"") != strings.Contains(want, "\"reason\"") {
			t.Errorf("want %s in %s", want, got)
		}
	}
}

// R17, R21: whatever is wrong, there is one answer, and the instance key is no receiver.
func TestForwardAuthRefusesAlike(t *testing.T) {
	w := newWorld(t)
	none := func(*http.Request) {}
	for name, row := range map[string]struct {
		token secret.Text
		who   func(*http.Request)
	}{
		"bad token":        {deadToken, forReceiver(secretB.Reveal())},
		"not the receiver": {goodToken, forReceiver(secretA.Reveal())},
		"unknown receiver": {goodToken, forReceiver(secret.New(secret.MachineSecret).Reveal())},
		"instance key":     {goodToken, forReceiver(instanceKey.Reveal())},
		"no receiver":      {goodToken, none},
		"two receivers":    {goodToken, forReceiver(secretB.Reveal(), secretB.Reveal())},
		"no token":         {"", forReceiver(secretB.Reveal())},
	} {
		r := w.call("GET", "/v1/forward_auth", row.token, "", row.who)
		wantOAuth(t, r, 401, "invalid_token")
		want := `Bearer realm="dualmint", error="invalid_token"`
		if row.token == "" {
			want = `Bearer realm="dualmint"` // RFC 6750 section 3.1
		}
		if got := r.Header().Get("WWW-Authenticate"); got != want || r.Header().Get("Dualmint-Machine-Id") != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	w.tokens.fail = m2m.ErrUnavailable
	wantOAuth(t, w.call("GET", "/v1/forward_auth", goodToken, "", forReceiver(secretB.Reveal())), 503, "temporarily_unavailable")
}
