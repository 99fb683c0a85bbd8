package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

// What the edge itself refuses.
var (
	errNoCredential  = errors.New("no Authorization header")
	errBearerFormat  = errors.New("authorization header is not a bearer credential")
	errInstanceKey   = errors.New("not the instance key")
	errMachineSecret = errors.New("not a machine secret")
	errNoScope       = errors.New("no such scope")
	errNoToken       = errors.New("no such token to revoke")
	errNoRoute       = errors.New("no such route")
	errNoMethod      = errors.New("method not allowed")
	errMalformed     = errors.New("body is not one strict JSON object")
	errQuery         = errors.New("query string cannot be read")
	errBodyTooLarge  = errors.New("body too large")
	errContentType   = errors.New("body is not plain JSON")
	errTooMany       = errors.New("too many requests")
	errInternal      = errors.New("internal")
)

const (
	codeTooSoon    = "rotation_too_soon"
	messageTooSoon = "Rotation too soon"
	codeSealed     = "signing_key_sealed"
	messageSealed  = "Signing key does not open"
)

// answer is the public side of an error. Its body is built once, up to the trace id.
type answer struct {
	is     error
	status int
	body   []byte
}

type answers []answer

// newAnswers is the one table from errors to status, code and sentence. The first entry that an error is decides; what no entry knows
// is the last one, with the cause in the log only. Doubt comes first: an error that is also "cannot tell now" is that.
func newAnswers() answers {
	const busy = "The service cannot answer at this moment. Try again after the time in Retry-After."
	const tooSoon = "Verifiers may not have the next key yet."
	row := func(is error, status int, code, message, long string) answer {
		problem := problem{Code: code, Message: message, LongMessage: long}
		return answer{is: is, status: status, body: envelope(problem)}
	}
	return answers{
		row(m2m.ErrBusy, 503, "service_unavailable", "Service unavailable", busy),
		row(m2m.ErrUnavailable, 503, "service_unavailable", "Service unavailable", busy),
		row(context.DeadlineExceeded, 503, "service_unavailable", "Service unavailable", busy),
		row(context.Canceled, 503, "service_unavailable", "Service unavailable", busy),
		row(m2m.ErrKeyNotActive, 503, "service_unavailable", "Service unavailable", busy),
		row(errNoCredential, 401, "authentication_invalid", "Invalid authentication", "The request has no Authorization header."),
		row(errBearerFormat, 401, "authorization_header_format_invalid", "Invalid Authorization header format",
			"The Authorization header must have the form: Bearer <secret>."),
		row(errInstanceKey, 401, "clerk_key_invalid", "The provided secret key is invalid",
			"This call needs the secret key of the instance."),
		row(errMachineSecret, 401, "machine_secret_key_invalid", "The machine secret key is invalid",
			"This call needs the secret key of a machine that exists."),
		row(m2m.ErrForbidden, 403, "authorization_invalid", "Unauthorized request", "This credential does not allow this call."),
		row(m2m.ErrRefused, 404, "resource_not_found", "Token not found", "There is no such token that this caller may use."),
		row(m2m.ErrMachineNotFound, 404, "machine_not_found", "Machine not found", "There is no machine with this id."),
		row(errNoScope, 404, "resource_not_found", "Resource not found", "There is no such scope: the first machine may not call the second."),
		row(errNoToken, 404, "resource_not_found", "Resource not found", "There is no token with this id that this caller may revoke."),
		row(m2m.ErrNotFound, 404, "resource_not_found", "Resource not found", "There is no such resource."),
		row(errNoRoute, 404, "resource_not_found", "Resource not found", "There is nothing at this address."),
		row(errNoMethod, 405, "method_not_allowed", "Method not allowed", "This address answers only the methods in the Allow header."),
		row(keys.ErrTooSoon, 409, codeTooSoon, messageTooSoon, tooSoon),                                                                    // withSafeDate says more
		row(keys.ErrSealed, 409, codeSealed, messageSealed, "The key that is to sign does not open with the master keys of this process."), // withKey says which
		row(m2m.ErrConflict, 409, "conflict", "Conflict", "It exists already."),
		row(errBodyTooLarge, 413, "request_body_too_large", "Request body too large", "The request body is larger than this call allows."),
		row(errContentType, 415, "unsupported_content_type", "Unsupported content type",
			"The request body must be JSON in UTF-8, sent as application/json and not compressed."),
		row(errMalformed, 400, "request_body_invalid", "Request body invalid",
			"The request body must be one JSON object without repeated names and with nothing behind it."),
		row(errQuery, 400, "bad_request", "Bad request", "The query string cannot be decoded."),
		row(m2m.ErrTooLarge, 400, "bad_request", "Token too large", "The token would be larger than its format allows."),
		row(errTooMany, 429, "too_many_requests", "Too many requests", "Wait for the time in Retry-After."),
		row(errInternal, 500, "internal_clerk_error", "Internal error", "Something went wrong on our side."),
	}
}

// of finds the entry of an error.
func (t answers) of(err error) answer {
	for _, e := range t[:len(t)-1] {
		if errors.Is(err, e.is) {
			return e
		}
	}
	return t[len(t)-1]
}

// named says what was not found, where the error from below does not. Doubt stays doubt.
func named(err, what error) error {
	if errors.Is(err, m2m.ErrNotFound) && !errors.Is(err, m2m.ErrUnavailable) {
		return fmt.Errorf("%w: %w", what, err)
	}
	return err
}

// fail answers with an error (section 5 of the wire contract).
func (a *api) fail(x *exchange, err error) {
	if x.area.oauth {
		a.failOAuth(x, err)
		return
	}
	if errors.Is(err, m2m.ErrUnauthenticated) && x.area.nobody != nil {
		err = x.area.nobody
	}
	if list := faultsOf(err); list != nil {
		x.failFields(list)
		return
	}
	e := a.answers.of(err)
	h := x.c.Writer.Header()
	switch e.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 section 15.5.2
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter(err)))
	}
	if e.status >= http.StatusInternalServerError {
		x.cause = err
	}
	body := e.body
	if soon, ok := errors.AsType[*keys.TooSoonError](err); ok && e.status == http.StatusConflict {
		body = withSafeDate(soon)
	}
	if shut, ok := errors.AsType[*keys.SealedError](err); ok && e.status == http.StatusConflict {
		body = withKey(shut)
	}
	x.send(e.status, x.withTrace(body))
}

// problem is one entry of the errors array.
type problem struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	LongMessage string `json:"long_message"`
	Meta        *meta  `json:"meta,omitempty"`
}

const traceMember = `,"clerk_trace_id":"`

type meta struct {
	ParamName *string `json:"param_name,omitempty"` // may be empty: so are names of fields
	SafeFrom  int64   `json:"safe_from,omitempty"`
}

// envelope is the body of an error answer up to the trace id.
func envelope(list ...problem) []byte {
	text, err := json.Marshal(list)
	if err != nil { // strings always encode
		text = []byte("[]")
	}
	return append(append([]byte(`{"errors":`), text...), traceMember...)
}

// withoutTrace is the answer as a part of another.
func (e answer) withoutTrace() []byte {
	return append(bytes.Clone(e.body[:len(e.body)-len(traceMember)]), '}')
}

// withTrace completes a body that envelope began.
func (x *exchange) withTrace(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(x.trace)+2)
	return append(append(append(out, body...), x.trace...), `"}`...)
}
