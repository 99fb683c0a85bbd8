package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

func TestCreateAnswers201WithTheTokenOnce(t *testing.T) {
	w := newWorld(t)
	withToken := strings.TrimSuffix(tokenJSON, "}") + `,"token":"` + goodToken.Reveal() + `"}`
	for _, path := range []string{"/m2m_tokens", "/v1/m2m_tokens"} {
		wantJSON(t, w.call("POST", path, secretA, ""), 201, withToken)
	}
	wantJSON(t, w.call("GET", "/m2m_tokens?subject="+string(idA), secretA, ""), 200, `{"m2m_tokens":[`+tokenJSON+`],"total_count":3}`)
}

// Trap 3 of the wire contract: empty, null and {} are alike, and a null parameter is one that was not asked for.
func TestCreateTakesNothingNullAndEmptyAlike(t *testing.T) {
	w := newWorld(t)
	nulls := `{"token_format":null,"seconds_until_expiration":null,"claims":null,"min_remaining_ttl_seconds":null}`
	for _, body := range []string{"", "null", "{}", " { } ", nulls} {
		wantStatus(t, w.call("POST", "/m2m_tokens", secretA, body), 201)
		if r := w.tokens.request; r.Format != "" || r.Seconds != nil || r.Claims != nil || r.MinRemaining != nil {
			t.Errorf("%q: %+v", body, r)
		}
	}
	body := `{"token_format":"jwt","seconds_until_expiration":1.5e1,"claims":{"a":{"b":[1]}},"min_remaining_ttl_seconds":7}`
	wantStatus(t, w.call("POST", "/m2m_tokens", secretA, body), 201)
	r := w.tokens.request
	if r.Format != m2m.JWT || *r.Seconds != 15 || string(r.Claims) != `{"a":{"b":[1]}}` || *r.MinRemaining != 7 {
		t.Errorf("%+v", r)
	}
}

func TestCreateNamesWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string][2]string{
		`{"token_format":"JWT"}`:               {"bad_request", "token_format"},
		`{"token_format":1}`:                   {"request_body_invalid", "token_format"},
		`{"seconds_until_expiration":"60"}`:    {"request_body_invalid", "seconds_until_expiration"},
		`{"seconds_until_expiration":true}`:    {"request_body_invalid", "seconds_until_expiration"},
		`{"seconds_until_expiration":1e400}`:   {"request_body_invalid", "seconds_until_expiration"},
		`{"claims":[]}`:                        {"request_body_invalid", "claims"},
		`{"claims":"{}"}`:                      {"request_body_invalid", "claims"},
		`{"min_remaining_ttl_seconds":1.5}`:    {"request_body_invalid", "min_remaining_ttl_seconds"},
		`{"min_remaining_ttl_seconds":-1}`:     {"bad_request", "min_remaining_ttl_seconds"},
		`{"seconds":1}`:                        {"request_body_invalid", "seconds"},
		`{"claims":{"a":1,"a":2}}`:             {"request_body_invalid", ""},
		`{"claims":{}} {}`:                     {"request_body_invalid", ""},
		strings.Repeat(`{"claims":`, 40) + `1`: {"request_body_invalid", ""},
	} {
		wantError(t, w.call("POST", "/m2m_tokens", secretA, body), 400, want[0], want[1])
	}
	w.tokens.fail = &m2m.FieldError{Field: "claims", Reason: m2m.ReservedName, Message: "must not set it"}
	wantError(t, w.call("POST", "/m2m_tokens", secretA, `{}`), 400, "machine_token_reserved_claim", "claims")
}

func TestRevokePassesTheReasonOn(t *testing.T) {
	w := newWorld(t)
	path := "/v1/m2m_tokens/" + string(tokenID) + "/revoke"
	reason := `<b>"gone"\u2028\u0001</b>`
	got := w.call("POST", path, secretA, `{"revocation_reason":"<b>\"gone\"\u2028\u0001</b>"}`)
	revoked := strings.Replace(tokenJSON, `"revoked":false,"revocation_reason":null`, `"revoked":true,"revocation_reason":"<b>\"gone\"\u2028\u0001</b>"`, 1)
	wantJSON(t, got, 200, revoked)
	if w.tokens.reason == nil || len(*w.tokens.reason) != len("<b>\"gone\"\u2028\u0001</b>") {
		t.Errorf("reason %v of %s", w.tokens.reason, reason)
	}
	for _, body := range []string{"", "null", "{}", `{"revocation_reason":null}`} {
		wantStatus(t, w.call("POST", path, instanceKey, body), 200)
		if w.tokens.reason != nil {
			t.Errorf("%q gave a reason", body)
		}
	}
	wantError(t, w.call("POST", path, secretA, `{"revocation_reason":1}`), 400, "request_body_invalid", "revocation_reason")
	wantError(t, w.call("POST", "/m2m_tokens/mt_nothing/revoke", secretA, ""), 404, "resource_not_found", "")
}

func TestTokenObjectWritesNullForWhatIsNot(t *testing.T) {
	r := m2m.Record{Grant: m2m.Grant{ID: tokenID, Machine: idA}, Format: m2m.JWT, CreatedAt: noon, UpdatedAt: noon, LastUsedAt: noon.Add(time.Second), Dead: true}
	want := `{"object":"machine_to_machine_token","id":"` + string(tokenID) + `","subject":"` + string(idA) + `","claims":null,"scopes":[],` +
		`"revoked":false,"revocation_reason":null,"expired":true,"expiration":null,"last_used_at":1795435201000,"created_at":1795435200000,` +
		`"updated_at":1795435200000,"token_format":"jwt"}`
	if got := string(appendToken(nil, &r, "")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The Go SDK sends chunked bodies, and the JS SDK a content type on GET and DELETE.
func TestBodiesMayBeChunkedAndBodilessCallsMayHaveAType(t *testing.T) {
	w := newWorld(t)
	chunked := func(r *http.Request) { r.ContentLength = -1; r.TransferEncoding = []string{"chunked"} }
	wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`, chunked), 200)
	typed := func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
	for _, r := range [][2]string{{"GET", "/v1/machines"}, {"DELETE", pathA}, {"PATCH", pathA}, {"GET", pathA + "/secret_key"}} {
		wantStatus(t, w.call(r[0], r[1], instanceKey, "", typed), 200)
	}
	wantStatus(t, w.call("POST", "/m2m_tokens", secretA, "", typed), 201)
}

var _ Tokens = (*tokens.Service)(nil)
