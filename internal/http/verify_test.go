package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

const tokenJSON = `{"object":"machine_to_machine_token","id":"mt_0123456789abcdef0123456789abcdef","subject":"mch_0ujsswThIGTUYm2K8FjOOfXtY1A",
	"claims":{"a":[1,"x"]},"scopes":["mch_0ujsswThIGTUYm2K8FjOOfXtY1B"],"revoked":false,"revocation_reason":null,"expired":false,
	"expiration":1795438800000,"last_used_at":null,"created_at":1795435200000,"updated_at":1795435200000,"token_format":"opaque"}`

func TestVerifyAnswersWithTheTokenObjectWithoutTheToken(t *testing.T) {
	for _, path := range []string{"/m2m_tokens/verify", "/v1/m2m_tokens/verify"} {
		for _, field := range []string{"token", "secret"} {
			for _, who := range []secret.Text{secretB, instanceKey} {
				got := newWorld(t).call("POST", path, who, `{"`+field+`":"`+goodToken.Reveal()+`"}`)
				wantJSON(t, got, 200, tokenJSON)
				if strings.Contains(got.Body.String(), goodToken.Reveal()) {
					t.Error("the answer repeats the token")
				}
			}
		}
	}
}

// R17: unknown, malformed, expired, revoked and not-for-you are one answer.
func TestEveryRefusalAtVerifyIsOneAnswer(t *testing.T) {
	w := newWorld(t)
	type attempt struct {
		who   secret.Text
		token string
	}
	jwt := "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0." + strings.Repeat("A", 86)
	attempts := []attempt{
		{secretA, goodToken.Reveal()}, // not for this caller
		{secretB, deadToken.Reveal()},
		{secretB, ""},
		{secretB, "x"},
		{secretB, jwt},
		{secretB, string(tokenID)},
		{instanceKey, secretB.Reveal()},
		{secretB, goodToken.Reveal() + " "},
		{secretB, goodToken.Reveal()[1:]},
		{secretB, `\u0000`},
		{secretB, strings.Repeat("mt_", 5000)},
		{secretB, "é\\n"},
	}
	var first *httptest.ResponseRecorder
	for _, a := range attempts {
		got := w.call("POST", "/m2m_tokens/verify", a.who, `{"token":"`+a.token+`"}`)
		wantError(t, got, 404, "resource_not_found", "")
		trace := got.Header().Get("Clerk-Trace-Id")
		body := strings.Replace(got.Body.String(), trace, "T", 1)
		got.Header().Del("Clerk-Trace-Id")
		got.Body.Reset()
		got.Body.WriteString(body)
		if first == nil {
			first = got
			continue
		}
		if body != first.Body.String() || !reflect.DeepEqual(got.Header(), first.Header()) {
			t.Errorf("%.60q: %s %v\nwant %s %v", a.token, body, got.Header(), first.Body, first.Header())
		}
	}
}

func TestVerifyRefusesABodyWithoutAToken(t *testing.T) {
	w := newWorld(t)
	for body, param := range map[string]string{
		"": "token", "null": "token", "{}": "token", " {} ": "token", `{"token":null}`: "token", `{"token":1}`: "token", `{"token":["x"]}`: "token",
		`{"secret":false}`: "secret", `{"token":"x","secret":"x"}`: "secret", `{"token":"x","id":1}`: "id",
	} {
		wantError(t, w.call("POST", "/m2m_tokens/verify", secretB, body), 400, "request_body_invalid", param)
	}
	if w.tokens.asked > 0 {
		t.Error("the service was asked")
	}
}

// R54: what is read without the parser is what the parser reads.
func TestAPlainTokenIsReadAsTheParserReadsIt(t *testing.T) {
	plain := 0
	long := `{"token":"` + strings.Repeat("e", 4000) + `"}`
	for _, body := range append(bodies(), long, `{"token":"`, `{"token":"}`, `{"token":""}`, `{"token":"x"} `, `{"token":"x","token":"y"}`, `{"token":"a\"}`, `{"token":"a\"b"}`, "{\"token\":\"\x7f\"}") {
		token, ok := plainToken([]byte(body))
		if !ok {
			continue
		}
		plain++
		if want, err := parsedToken([]byte(body)); err != nil || token != want {
			t.Errorf("%.80q: %q, and parsed %q, %v", body, token.Reveal(), want.Reveal(), err)
		}
	}
	if _, ok := plainToken([]byte(`{"token":"` + goodToken.Reveal() + `"}`)); !ok || plain < 5 {
		t.Errorf("%d bodies were read without the parser, and a good token: %t", plain, ok)
	}
}

func TestVerifyBatchAnswersInOrderWithOneAuthentication(t *testing.T) {
	w := newWorld(t)
	body := fmt.Sprintf(`{"tokens":[%q,%q,"",%q]}`, goodToken.Reveal(), deadToken.Reveal(), goodToken.Reveal())
	refused := `{"errors":[{"code":"resource_not_found","message":"Token not found","long_message":"There is no such token that this caller may use."}]}`
	wantJSON(t, w.call("POST", "/v1/m2m_tokens/verify_batch", secretB, body), 200,
		`{"results":[`+tokenJSON+`,`+refused+`,`+refused+`,`+tokenJSON+`]}`)
	if w.tokens.asked != 1 {
		t.Errorf("%d calls of the service", w.tokens.asked)
	}
}

func TestVerifyBatchTakesFrom1To256Strings(t *testing.T) {
	w := newWorld(t)
	many := func(n int) string { return `{"tokens":["x"` + strings.Repeat(`,"x"`, n-1) + `]}` }
	for body, code := range map[string]string{
		`{"tokens":[]}`: "bad_request", many(257): "bad_request", many(70_000): "request_body_invalid", `{"tokens":null}`: "request_body_invalid",
		`{"tokens":"x"}`: "request_body_invalid", `{"tokens":["x",1]}`: "request_body_invalid", `{}`: "request_body_invalid",
	} {
		wantError(t, w.call("POST", "/m2m_tokens/verify_batch", secretB, body), 400, code, "tokens")
	}
	if got := w.call("POST", "/m2m_tokens/verify_batch", secretB, many(256)); got.Code != 200 {
		t.Errorf("256 tokens: %d %s", got.Code, got.Body)
	}
}

// The hot path builds nothing per request that could be built once. The number is what gin, net/http's header
// need; raise it only with a reason.
func TestVerifyAllocatesLittle(t *testing.T) {
	w := newWorld(t, func(d *Deps) { d.Logger = slog.New(slog.DiscardHandler) })
	body := `{"token":"` + goodToken.Reveal() + `"}`
	reader := strings.NewReader(body)
	req := httptest.NewRequest("POST", "/m2m_tokens/verify", nil)
	req.ContentLength = int64(len(body))
	req.Header = http.Header{"Authorization": {"Bearer " + secretB.Reveal()}, "Content-Type": {"application/json"}}
	out := &discard{header: http.Header{}}
	got := testing.AllocsPerRun(200, func() {
		reader.Reset(body)
		req.Body = readCloser{reader}
		clear(out.header)
		w.handler.ServeHTTP(out, req)
	})
	if out.status != 200 {
		t.Fatalf("status %d", out.status)
	}
	t.Logf("%.0f allocations", got)
	if got > 10 { // the race detector forgets what pools hold
		t.Errorf("%.0f allocations for one verification", got)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, func(d *Deps) {
		d.Logger = slog.New(slog.DiscardHandler)
		d.Now = time.Now
		d.Limits = Limits{PerCredential: 1 << 30, PerAddress: 1 << 30}
	})
	body := `{"token":"` + goodToken.Reveal() + `"}`
	header := http.Header{"Authorization": {"Bearer " + secretB.Reveal()}, "Content-Type": {"application/json"}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := httptest.NewRequest("POST", "/m2m_tokens/verify", nil)
		req.ContentLength, req.Header = int64(len(body)), header
		out := &discard{header: http.Header{}}
		for pb.Next() {
			req.Body = readCloser{strings.NewReader(body)}
			w.handler.ServeHTTP(out, req)
		}
	})
}
