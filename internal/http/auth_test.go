package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// adminRoutes is every route that only the instance key opens.
func adminRoutes() [][3]string {
	a, b := string(idA), string(idB)
	return [][3]string{
		{"GET", "/v1/machines", ""},
		{"POST", "/v1/machines", `{"name":"a"}`},
		{"GET", "/v1/machines/" + a, ""},
		{"PATCH", "/v1/machines/" + a, `{"name":"b"}`},
		{"DELETE", "/v1/machines/" + a, ""},
		{"GET", "/v1/machines/" + a + "/secret_key", ""},
		{"POST", "/v1/machines/" + a + "/secret_key/rotate", `{"previous_token_ttl":0}`},
		{"POST", "/v1/machines/" + a + "/scopes", `{"to_machine_id":"` + b + `"}`},
		{"DELETE", "/v1/machines/" + a + "/scopes/" + b, ""},
		{"GET", "/v1/keys", ""},
		{"POST", "/v1/keys/rotate", `{}`},
		{"POST", "/v1/keys/" + string(kidA) + "/compromise", ""},
		{"GET", "/v1/audit", ""},
	}
}

// tokenRoutes is every route that wants a credential of either kind.
func tokenRoutes() [][3]string {
	var out [][3]string
	for _, p := range []string{"/m2m_tokens", "/v1/m2m_tokens"} {
		out = append(out, [][3]string{
			{"POST", p, `{}`},
			{"GET", p + "?subject=" + string(idA), ""},
			{"POST", p + "/verify", `{"token":"x"}`},
			{"POST", p + "/verify_batch", `{"tokens":["x"]}`},
			{"POST", p + "/" + string(tokenID) + "/revoke", `{}`},
		}...)
	}
	return out
}

// R21: a machine secret opens no administrative route, and a cookie opens nothing.
func TestAdministrativeRoutesOpenToTheInstanceKeyAlone(t *testing.T) {
	for _, r := range adminRoutes() {
		w := newWorld(t)
		t.Run(r[0]+" "+r[1], func(t *testing.T) {
			wantError(t, w.call(r[0], r[1], secretA, r[2]), 403, "authorization_invalid", "")
			wantError(t, w.call(r[0], r[1], "", r[2]), 401, "authentication_invalid", "")
			wantError(t, w.call(r[0], r[1], secret.New(secret.InstanceKey), r[2]), 401, "clerk_key_invalid", "")
			wantError(t, w.call(r[0], r[1], goodToken, r[2]), 401, "clerk_key_invalid", "") // R2: one kind presented as another
			cookie := func(r *http.Request) { r.Header.Set("Cookie", "__Host-session=x; __session="+instanceKey.Reveal()) }
			wantError(t, w.call(r[0], r[1], "", r[2], cookie), 401, "authentication_invalid", "")
			if len(w.machines.calls)+len(w.keys.did) > 0 {
				t.Errorf("the service was asked: %v %v", w.machines.calls, w.keys.did)
			}
			if got := w.call(r[0], r[1], instanceKey, r[2]); got.Code != 200 {
				t.Errorf("instance key: %d %s", got.Code, got.Body)
			}
		})
	}
}

func TestTokenRoutesNameWhatIsWrongWithTheCredential(t *testing.T) {
	for _, r := range tokenRoutes() {
		w := newWorld(t)
		got := w.call(r[0], r[1], "", r[2])
		wantError(t, got, 401, "authentication_invalid", "")
		if got.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: no challenge", r[1])
		}
		if w.tokens.asked+w.machines.asked > 0 {
			t.Errorf("%s %s: a missing header reached a service", r[0], r[1])
		}
		wantError(t, w.call(r[0], r[1], secret.New(secret.MachineSecret), r[2]), 401, "machine_secret_key_invalid", "")
	}
	wantError(t, newWorld(t).call("POST", "/m2m_tokens", instanceKey, `{}`), 401, "machine_secret_key_invalid", "")
}

func TestAuthorizationHeaderMustBeOneBearerCredential(t *testing.T) {
	w := newWorld(t)
	for _, header := range []string{"Bearer", "Bearer ", "Basic abc", instanceKey.Reveal(), "Token " + instanceKey.Reveal(), "Bearer\t" + instanceKey.Reveal()} {
		got := w.call("GET", "/v1/machines", "", "", func(r *http.Request) { r.Header.Set("Authorization", header) })
		wantError(t, got, 401, "authorization_header_format_invalid", "")
	}
	twice := func(r *http.Request) {
		r.Header["Authorization"] = []string{"Bearer " + instanceKey.Reveal(), "Bearer x"}
	}
	wantError(t, w.call("GET", "/v1/machines", "", "", twice), 401, "authorization_header_format_invalid", "")
	lower := func(r *http.Request) { r.Header.Set("Authorization", "bearer "+instanceKey.Reveal()) }
	if got := w.call("GET", "/v1/machines", "", "", lower); got.Code != 200 {
		t.Errorf("the scheme's case matters: %d", got.Code)
	}
}

// R11: what cannot be a credential is refused before anything is asked.
func TestWhatCannotBeACredentialReachesNoService(t *testing.T) {
	w := newWorld(t)
	for _, c := range []string{"a\x00b", "\xff\xfe", "a b", "é", " " + instanceKey.Reveal(), strings.Repeat("a", 513)} {
		header := func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + c} }
		wantError(t, w.call("GET", "/v1/machines", "", "", header), 401, "clerk_key_invalid", "")
		wantError(t, w.call("POST", "/m2m_tokens/verify", "", `{"token":"x"}`, header), 401, "machine_secret_key_invalid", "")
	}
	if w.machines.asked+w.tokens.asked > 0 {
		t.Error("a service was asked")
	}
}

// R13: identity comes only from the credential; unknown body fields are refused.
func TestUnknownFieldsAreRefusedOnEveryRoute(t *testing.T) {
	for _, r := range append(adminRoutes(), tokenRoutes()...) {
		if r[0] != "POST" && r[0] != "PATCH" {
			continue
		}
		for _, name := range []string{"id", "instance_id", "subject", "machine_id", "Name", "Token", "caller", "__proto__"} {
			if r[2] == "" {
				r[2] = "{}"
			}
			w := newWorld(t)
			who, status, code := secretB, 400, "request_body_invalid"
			if strings.HasPrefix(r[1], "/v1/machines") || strings.HasPrefix(r[1], "/v1/keys") {
				who, status, code = instanceKey, 422, "form_param_unknown"
			}
			body := strings.TrimSuffix(r[2], "}") + `,"` + name + `":"` + string(idB) + `"}`
			body = strings.Replace(body, "{,", "{", 1)
			t.Run(r[1]+" "+name, func(t *testing.T) { wantError(t, w.call(r[0], r[1], who, body), status, code, name) })
		}
	}
}

func TestNobodyIsNobodyEvenWithoutAnError(t *testing.T) {
	w := newWorld(t)
	wantError(t, w.call("POST", "/m2m_tokens/"+string(tokenID)+"/revoke", newSecret, ""), 401, "machine_secret_key_invalid", "")
	wantError(t, w.call("GET", usagePath, newSecret, ""), 401, "clerk_key_invalid", "")
}

func TestActorNamesWhoActedAndFromWhere(t *testing.T) {
	w := newWorld(t)
	got := w.call("DELETE", "/v1/machines/"+string(idA), instanceKey, "null")
	want := m2m.Actor{Kind: m2m.Operator, Address: "192.0.2.1", TraceID: got.Header().Get("Clerk-Trace-Id")}
	if w.machines.by != want {
		t.Errorf("actor %+v, want %+v", w.machines.by, want)
	}
}
