package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Trap 4 of the wire contract: what is not here answers 404 in the shape of every other error.
func TestUnknownAddressesAnswerInJSON(t *testing.T) {
	w := newWorld(t)
	for _, r := range [][2]string{
		{"POST", "/api_keys/verify"},
		{"POST", "/oauth_applications/access_tokens/verify"},
		{"GET", "//"},
		{"GET", "/v1"},
		{"GET", "/V1/machines"},
		{"GET", "/v1/machines/"},
		{"GET", "//v1/machines"},
		{"GET", "/v1//machines"},
		{"POST", "/m2m_tokens/"},
		{"GET", "/v1/machines/a/b/c/d"},
		{"GET", "/v1/machines/a%2Fsecret_key/"},
		{"POST", "/m2m_tokens/a/b/revoke"},
		{"GET", "/.well-known/"},
		{"PROPFIND", "/x"},
	} {
		wantError(t, w.call(r[0], r[1], "", ""), 404, "resource_not_found", "")
	}
}

// R55: no redirects, 405 with Allow.
func TestWrongMethodAnswers405WithAllow(t *testing.T) {
	w := newWorld(t)
	for _, r := range [][3]string{
		{"PUT", "/v1/machines", "GET, POST"},
		{"OPTIONS", "/m2m_tokens/verify", "POST"},
		{"GET", "/m2m_tokens/verify", "POST"},
		{"POST", "/healthz", "GET, HEAD"},
		{"DELETE", "/v1/jwks", "GET, HEAD"},
		{"BREW", pathA, "GET, PATCH, DELETE"},
	} {
		got := w.call(r[0], r[1], "", "")
		wantError(t, got, 405, "method_not_allowed", "")
		if got.Header().Get("Allow") != r[2] {
			t.Errorf("%s %s: Allow %q, want %q", r[0], r[1], got.Header().Get("Allow"), r[2])
		}
	}
}

// R55: only listed proxies may say for whom they speak, and only in X-Forwarded-For.
func TestForwardedAddressesAreBelievedFromListedProxiesOnly(t *testing.T) {
	forwarded := func(r *http.Request) {
		r.Header["X-Forwarded-For"] = []string{"6.6.6.6", "203.0.113.9"} // the client's own line, then the proxy's
		r.Header.Set("X-Real-Ip", "7.7.7.7")
		r.Header.Set("Forwarded", "for=8.8.8.8")
		r.Header.Set("Cf-Connecting-Ip", "9.9.9.9")
	}
	listed := func(d *Deps) { d.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }
	garbage := func(r *http.Request) { r.Header.Set("X-Forwarded-For", "1.2.3.4, \nevil") }
	for _, c := range []struct {
		world  *world
		header func(*http.Request)
		want   string
	}{
		{newWorld(t), forwarded, "192.0.2.1"},
		{newWorld(t, listed), forwarded, "203.0.113.9"},
		{newWorld(t, listed), garbage, "192.0.2.1"},
		{newWorld(t, listed), func(r *http.Request) { r.Header.Set("X-Real-Ip", "7.7.7.7") }, "192.0.2.1"},
		{newWorld(t, listed), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "::ffff:203.0.113.7") }, "203.0.113.7"},
		{newWorld(t, func(d *Deps) { d.TrustedProxies = []netip.Prefix{{}} }), forwarded, "192.0.2.1"},
	} {
		c.world.call("DELETE", pathA, instanceKey, "", c.header)
		if got := c.world.machines.by.Address; got != c.want {
			t.Errorf("address %q, want %q", got, c.want)
		}
	}
}

// R53: caps on bodies, whether the length is declared or not; over is 413.
func TestBodiesOverTheCapAre413(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		path, open, shut string
		limit            int
	}{
		{"/m2m_tokens/verify", `{"token":"`, `"}`, 16 << 10},
		{"/v1/m2m_tokens", `{"claims":{"a":"`, `"}}`, 64 << 10},
		{"/m2m_tokens/" + string(tokenID) + "/revoke", `{"revocation_reason":"`, `"}`, 64 << 10},
		{"/m2m_tokens/verify_batch", `{"tokens":["`, `"]}`, 2304 << 10},
		{"/v1/machines", `{"name":"`, `"}`, 64 << 10},
		{pathA + "/scopes", `{"to_machine_id":"`, `"}`, 64 << 10},
	} {
		who := secretA
		if strings.HasPrefix(c.path, "/v1/machines") {
			who = instanceKey
		}
		fill := c.limit - len(c.open) - len(c.shut)
		chunked := func(r *http.Request) { r.ContentLength = -1 }
		fits := c.open + strings.Repeat("a", fill) + c.shut
		if got := w.call("POST", c.path, who, fits); got.Code == 413 {
			t.Errorf("%s: %d bytes are too many", c.path, len(fits))
		}
		over := c.open + strings.Repeat("a", fill+1) + c.shut
		wantError(t, w.call("POST", c.path, who, over), 413, "request_body_too_large", "")
		wantError(t, w.call("POST", c.path, who, over, chunked), 413, "request_body_too_large", "")
		wantError(t, w.call("POST", c.path, who, strings.Repeat(" ", c.limit+1), chunked), 413, "request_body_too_large", "")
	}
}

// R53: JSON only, and not compressed.
func TestOnlyPlainJSONIsRead(t *testing.T) {
	w := newWorld(t)
	body := `{"token":"` + goodToken.Reveal() + `"}`
	with := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, ok := range []func(*http.Request){
		with("Content-Type", "application/json; charset=utf-8"), with("Content-Type", "Application/JSON;charset=UTF-8"), with("Content-Encoding", "identity"),
	} {
		wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, body, ok), 200)
	}
	for _, bad := range []func(*http.Request){
		with("Content-Type"), with("Content-Type", ""), with("Content-Type", "text/plain"), with("Content-Type", "application/jsonx"),
		with("Content-Type", "application/x-www-form-urlencoded"), with("Content-Type", "application/json; charset=utf-16"), with("Content-Type", ";;"),
		with("Content-Encoding", "gzip"), with("Content-Encoding", "br"), with("Content-Encoding", "identity, gzip"),
	} {
		wantError(t, w.call("POST", "/m2m_tokens/verify", secretB, body, bad), 415, "unsupported_content_type", "")
	}
	wantStatus(t, w.call("POST", "/m2m_tokens", secretA, ""), 201)
}

// R54: one JSON object, exact keys, no duplicates, no trailing data, valid UTF-8, bounded depth; malformed is 400 in every area.
func TestBodiesAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`[]`, `"a"`, `{} {}`, `{}x`, `{"name":"a","name":"b"}`, `{"name":"a","n\u0061me":"b"}`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, "\ufeff{}", `{"name":"a",}`,
		`{"name":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "nullnull", "NULL", "\u00a0", "\x00",
	} {
		wantError(t, w.call("POST", "/v1/machines", instanceKey, body), 400, "request_body_invalid", "")
		wantError(t, w.call("POST", "/m2m_tokens", secretA, body), 400, "request_body_invalid", "")
	}
}

// R53: a length that is declared is refused before a byte is read.
func TestADeclaredLengthOverTheCapIsNotRead(t *testing.T) {
	declared := func(r *http.Request) { r.ContentLength, r.Body = verifyCap+1, io.NopCloser(failingReader{}) }
	wantError(t, newWorld(t).call("POST", "/m2m_tokens/verify", secretB, "x", declared), 413, "request_body_too_large", "")
}

func TestABodyThatBreaksOffIsNotOurFault(t *testing.T) {
	w := newWorld(t)
	broken := func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"tok`), failingReader{}))
	}
	wantError(t, w.call("POST", "/m2m_tokens/verify", secretB, "x", broken), 400, "request_body_invalid", "")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// R12, R58: "cannot tell now" never reads as good or bad, and says when to ask again. What the table does not know says nothing.
func TestErrorsHaveOneTranslation(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{m2m.ErrBusy, 503, "service_unavailable"},
		{m2m.ErrUnavailable, 503, "service_unavailable"},
		{fmt.Errorf("x: %w: %w", m2m.ErrUnavailable, m2m.ErrRefused), 503, "service_unavailable"},
		{m2m.ErrKeyNotActive, 503, "service_unavailable"},
		{context.DeadlineExceeded, 503, "service_unavailable"},
		{context.Canceled, 503, "service_unavailable"},
		{m2m.ErrUnauthenticated, 401, "machine_secret_key_invalid"},
		{m2m.ErrForbidden, 403, "authorization_invalid"},
		{m2m.ErrRefused, 404, "resource_not_found"},
		{m2m.ErrNotFound, 404, "resource_not_found"},
		{m2m.ErrMachineNotFound, 404, "machine_not_found"},
		{m2m.ErrConflict, 409, "conflict"},
		{m2m.ErrTooLarge, 400, "bad_request"},
		{errors.New("pq: password authentication failed"), 500, "internal_clerk_error"},
		{&net.OpError{Op: "dial", Err: errors.New("10.0.0.1 refused")}, 500, "internal_clerk_error"},
	} {
		w := newWorld(t)
		w.tokens.fail = fmt.Errorf("issue: %w", c.err)
		got := w.call("POST", "/m2m_tokens", secretA, `{}`)
		wantError(t, got, c.status, c.code, "")
		if (got.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: Retry-After %q", c.err, got.Header().Get("Retry-After"))
		}
		if strings.Contains(got.Body.String(), "password") || strings.Contains(got.Body.String(), "10.0.0.1") {
			t.Errorf("the cause is told: %s", got.Body)
		}
		if logged := strings.Contains(w.log.String(), `"error":`); logged != (c.status >= 500) {
			t.Errorf("%v: cause in the log: %v", c.err, logged)
		}
	}
}

func TestAFaultOfAServiceKeepsItsName(t *testing.T) {
	w := newWorld(t)
	w.machines.fail = fmt.Errorf("create machine: %w", &m2m.FieldError{Field: "scoped_machines", Reason: m2m.NoSuchThing, Message: "names nobody"})
	wantError(t, w.call("POST", "/v1/machines", instanceKey, `{"name":"a"}`), 422, "form_resource_not_found", "scoped_machines")
	w.machines.fail = &m2m.FieldError{Field: "name", Reason: m2m.TooLong, Message: "is too long"}
	wantError(t, w.call("POST", "/v1/machines", instanceKey, `{"name":"a"}`), 422, "form_param_max_length_exceeded", "name")
	w.machines.fail = m2m.ErrConflict
	wantError(t, w.call("POST", pathA+"/scopes", instanceKey, `{"to_machine_id":"x"}`), 409, "conflict", "")
}

// R52: every time and size limit is set.
func TestServerHasEveryLimit(t *testing.T) {
	s := NewServer("127.0.0.1:0", newWorld(t).handler)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("%+v", s)
	}
}

// serve runs a real server on a port of its own.
func serve(t *testing.T, w *world) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer("", w.handler)
	done := make(chan error, 1)
	go func() { done <- s.Serve(Listener(listener)) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// raw sends bytes and gives status, content type and body of the answer.
func raw(t *testing.T, address, request string) (status int, contentType, body string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return res.StatusCode, res.Header.Get("Content-Type"), string(text)
}

// R52: a header of 16 KiB is the most.
func TestServerRefusesLargeHeaders(t *testing.T) {
	address := serve(t, newWorld(t))
	for size, want := range map[int]int{15 << 10: 200, 17 << 10: 431} {
		status, _, _ := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fill: "+strings.Repeat("a", size)+"\r\nConnection: close\r\n\r\n")
		if status != want {
			t.Errorf("%d bytes of header: %d, want %d", size, status, want)
		}
	}
}

// R56, R62: request lines of the odd kind end as a refusal.
func TestOddRequestLinesAreRefusedCalmly(t *testing.T) {
	w := newWorld(t)
	address := serve(t, w)
	for _, line := range []string{
		"OPTIONS * HTTP/1.1", "CONNECT example.com:443 HTTP/1.1", "GET http://example.com/v1/machines HTTP/1.1", "GET /%00%0a%0d HTTP/1.1",
		"GET /v1/machines/%0a%7b%22level%22 HTTP/1.1", "GET /../../etc/passwd HTTP/1.1", "LEVEL=ERROR /x HTTP/1.1", "GET /x?%zz HTTP/1.1",
	} {
		status, contentType, body := raw(t, address, line+"\r\nHost: x\r\nConnection: close\r\n\r\n")
		if status < 400 || status >= 500 {
			t.Errorf("%q: %d %s", line, status, body)
		}
		if contentType == "application/json" && !strings.Contains(body, "clerk_trace_id") {
			t.Errorf("%q: %s", line, body)
		}
	}
}
