package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
)

// oauthError is an error as RFC 6749 section 5.2 and its relatives name it.
type oauthError struct {
	status      int
	code        string
	description string
}

// Error is for the log.
func (e *oauthError) Error() string { return e.code + ": " + e.description }

func invalidRequest(description string) error {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

// failOAuth answers with an error as the RFCs have it. The status is that of the one table wherever it says that nobody asked or that
// nobody can tell.
func (a *api) failOAuth(x *exchange, err error) {
	e := a.oauthErrorOf(err)
	h := x.c.Writer.Header()
	switch e.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", x.challenge())
		if e.code == codeInvalidToken {
			h.Set("WWW-Authenticate", x.tokenChallenge())
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter(err)))
	}
	if e.status >= http.StatusInternalServerError {
		x.cause = err
	}
	body, encodeErr := json.Marshal(map[string]string{"error": e.code, "error_description": describable(e.description)})
	if encodeErr != nil { // strings always encode
		body = []byte(`{"error":"server_error"}`)
	}
	x.send(e.status, body)
}

const codeInvalidToken = "invalid_token"

// tokenChallenge says why a bearer was refused, if there was one (RFC 6750 section 3.1). The scheme never stands alone (section 3).
func (x *exchange) tokenChallenge() string {
	if x.c.Request.Header.Get("Authorization") == "" {
		return `Bearer realm="dualmint"`
	}
	return `Bearer realm="dualmint", error="invalid_token"`
}

// challenge names the scheme that the client tried (RFC 6749 section 5.2), and Basic if it tried none. Of a bearer it says that it was not
// good (RFC 6750 section 3.1), and never why.
func (x *exchange) challenge() string {
	if x.triesBearer() {
		return `Bearer error="invalid_token"`
	}
	return `Basic realm="dualmint", charset="UTF-8"`
}

// triesBearer tells whether the request has an Authorization header of the scheme Bearer.
func (x *exchange) triesBearer() bool {
	tried := x.c.Request.Header.Get("Authorization")
	return len(tried) >= len(bearerScheme) && strings.EqualFold(tried[:len(bearerScheme)], bearerScheme)
}

func (a *api) oauthErrorOf(err error) *oauthError {
	if list := faultsOf(err); list != nil {
		return &oauthError{status: http.StatusBadRequest, code: fieldCode(list[0]), description: list.Error()}
	}
	if refusal, ok := errors.AsType[*oauthError](err); ok {
		return refusal
	}
	invalid := func(status int, why string) *oauthError {
		return &oauthError{status: status, code: "invalid_request", description: why}
	}
	if errors.Is(err, m2m.ErrUnauthenticated) || errors.Is(err, errNoCredential) || errors.Is(err, errBearerFormat) {
		return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "the client's credentials are missing or not accepted"}
	}
	switch status := a.answers.of(err).status; status {
	case http.StatusServiceUnavailable:
		return &oauthError{status: status, code: "temporarily_unavailable", description: "try again after the time in Retry-After"}
	case http.StatusTooManyRequests:
		return &oauthError{status: status, code: "temporarily_unavailable", description: "too many requests"}
	case http.StatusRequestEntityTooLarge:
		return invalid(status, "the body is larger than this call allows")
	case http.StatusUnsupportedMediaType:
		return invalid(http.StatusBadRequest, "the body must be a form in UTF-8, sent as application/x-www-form-urlencoded and not compressed")
	case http.StatusBadRequest:
		return invalid(status, "the body cannot be read")
	default:
		return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "something went wrong on our side"}
	}
}

// fieldCode names a fault in a field of the request.
func fieldCode(f *m2m.FieldError) string {
	switch f.Field {
	case "scope":
		return "invalid_scope"
	case "resource":
		return "invalid_target" // RFC 8707 section 2
	default:
		return "invalid_request"
	}
}

// describable leaves the characters that an error_description may have.
func describable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r > '~' {
			return '\''
		}
		return r
	}, text)
}
