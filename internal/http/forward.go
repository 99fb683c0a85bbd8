package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// receiverHeader is where a reverse proxy says for whom it asks. The proxy must set it, over whatever a client sent.
const receiverHeader = "Dualmint-Machine-Secret"

// forwardAuthPaths is where proxies ask. Some of them, Envoy for one, ask with the method of the request that came to them and put its path
// behind ours: it is about the bearer alone, so every method and every path is one question.
func forwardAuthPaths() []string { return []string{"/v1/forward_auth", "/v1/forward_auth/*request"} }

// forwardAuth is verify for reverse proxies: the bearer of the request that came to the proxy, and the secret of the receiver behind it.
// Whatever is wrong with either is one answer (R17); what is wrong with the proxy, the log tells the operator. It is billed as a verification is.
func (a *api) forwardAuth(x *exchange) error {
	refused := &oauthError{status: http.StatusUnauthorized, code: codeInvalidToken, description: "the request has no token that is good here"}
	in := x.c.Request.Header
	receiver, bearer := in[receiverHeader], in["Authorization"]
	switch {
	case len(receiver) != 1:
		x.reason = "the proxy must send " + receiverHeader + " once"
		return refused
	case !secret.WellFormed(secret.MachineSecret, receiver[0]):
		x.reason = receiverHeader + " is no machine secret"
		return refused
	}
	if len(bearer) != 1 || len(bearer[0]) <= len(bearerScheme) || !strings.EqualFold(bearer[0][:len(bearerScheme)], bearerScheme) {
		return refused
	}
	credential := secret.Text(receiver[0])
	x.unproven = credential
	if err := a.limits.credential(credential, x.start); err != nil {
		return err
	}
	record, err := a.Tokens.Verify(x.ctx(), credential, secret.Text(bearer[0][len(bearerScheme):]))
	if errors.Is(err, m2m.ErrUnauthenticated) {
		x.reason = receiverHeader + " is the secret of no living machine"
	}
	switch {
	case (errors.Is(err, m2m.ErrRefused) || errors.Is(err, m2m.ErrUnauthenticated)) && !doubtful(err):
		return refused
	case err != nil:
		return err
	}
	out := x.c.Writer.Header()
	out.Set("Dualmint-Machine-Id", string(record.Machine))
	out.Set("Dualmint-Scopes", record.Scopes.String())
	claims := "null"
	if record.Claims != nil {
		claims = asciiJSON(string(record.Claims))
	}
	out.Set("Dualmint-Claims", claims) // always there, so that a proxy that copies it replaces what a client sent
	out.Set("Content-Length", "0")
	x.c.Writer.WriteHeader(http.StatusOK)
	x.c.Writer.WriteHeaderNow()
	return nil
}

// asciiJSON writes JSON with the characters that a header can have.
func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
