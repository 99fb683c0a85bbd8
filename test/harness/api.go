package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// API speaks the wire contract to one process. Safe for concurrent use.
type API struct {
	Base string // "http://127.0.0.1:port"
	HTTP *http.Client
}

// Reply is an answer, read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// newAPI makes a client that follows no redirect and keeps enough connections for hammering.
func newAPI(base string) API {
	return API{Base: base, HTTP: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}}
}

// Call makes one request. The bearer is left out when empty; a body of nil is none, of []byte or string goes as it is, and
// anything else is encoded as JSON.
func (a API) Call(tb testing.TB, method, path, bearer string, body any) Reply {
	tb.Helper()
	r, err := a.try(tb.Context(), method, path, bearer, body)
	if err != nil {
		tb.Fatalf("%s: %v", method, err)
	}
	return r
}

// Send makes a request that the test has built by hand.
func (a API) Send(tb testing.TB, req *http.Request) Reply {
	tb.Helper()
	r, err := a.send(req)
	if err != nil {
		tb.Fatalf("%s: %v", req.Method, err)
	}
	return r
}

func (a API) try(ctx context.Context, method, path, bearer string, body any) (Reply, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return Reply{}, err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Base+path, reader)
	if err != nil {
		return Reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return a.send(req)
}

func (a API) send(req *http.Request) (Reply, error) {
	resp, err := a.HTTP.Do(req) //nolint:gosec // G704: a test says where it goes
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: text}, nil
}

// Want fails the test unless the answer has this status, and gives the answer back.
func (r Reply) Want(tb testing.TB, status int) Reply {
	tb.Helper()
	if r.Status != status {
		tb.Fatalf("status %d, want %d: %s", r.Status, status, r.Body)
	}
	return r
}

// Into decodes the body.
func (r Reply) Into(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		tb.Fatalf("decode an answer: %v: %s", err, r.Body)
	}
}

// Fault is one member of an error answer's list.
type Fault struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	LongMessage string `json:"long_message"`
	Meta        struct {
		ParamName string `json:"param_name"`
	} `json:"meta"`
}

// Fault gives the first fault of an error answer, and fails the test when the answer has not the contract's shape.
func (r Reply) Fault(tb testing.TB) Fault {
	tb.Helper()
	var body struct {
		Errors  []Fault `json:"errors"`
		TraceID string  `json:"clerk_trace_id"`
	}
	r.Into(tb, &body)
	if len(body.Errors) == 0 || body.Errors[0].Code == "" || body.Errors[0].Message == "" || body.TraceID == "" {
		tb.Fatalf("not an error of the contract's shape: %d %s", r.Status, r.Body)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		tb.Fatalf("content type %q, want exactly application/json", got)
	}
	if got := r.Header.Get("Clerk-Trace-Id"); got != body.TraceID {
		tb.Fatalf("Clerk-Trace-Id %q, in the body %q", got, body.TraceID)
	}
	return body.Errors[0]
}
