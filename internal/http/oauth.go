package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// oauthRoutes is the surface for clients that know OAuth and nothing of us (section 7 of the wire contract).
func (a *api) oauthRoutes(e *gin.Engine) {
	oauth := area{oauth: true}
	e.POST("/oauth2/token", a.do(oauth, a.oauthToken))
	e.POST("/oauth2/introspect", a.do(oauth, a.oauthIntrospect))
	e.POST("/oauth2/revoke", a.do(oauth, a.oauthRevoke))
	for _, path := range forwardAuthPaths() {
		e.Any(path, a.do(oauth, a.forwardAuth))
	}
	for _, path := range []string{metadataPath, metadataPath + "/*issuer", "/.well-known/openid-configuration"} {
		e.GET(path, a.do(area{}, a.oauthMetadata))
		e.HEAD(path, a.do(area{}, a.oauthMetadata))
	}
}

// metadataPath is where metadata is, before the path of an issuer that has one (RFC 8414 section 3.1).
const metadataPath = "/.well-known/oauth-authorization-server"

const clientCredentials = "client_credentials"

// oauthToken is the client credentials grant (RFC 6749 section 4.4). It takes the steps of createToken, and what it answers is the same
// token.
func (a *api) oauthToken(x *exchange) error {
	x.machineOnly = true
	f, err := x.form(bodyCap)
	if err != nil {
		return err
	}
	client, err := a.client(x, f)
	if err != nil {
		return err
	}
	switch f.one("grant_type") {
	case clientCredentials:
	case "":
		return invalidRequest("grant_type is missing")
	default:
		return &oauthError{status: http.StatusBadRequest, code: "unsupported_grant_type", description: "the only grant here is client_credentials"}
	}
	r := tokens.Request{Client: m2m.MachineID(x.client), Format: m2m.Format(f.one("token_format"))}
	if text := f.one("scope"); text != "" {
		if r.Scopes, err = readScope(text); err != nil {
			return err
		}
	}
	for _, text := range f["resource"] {
		r.Resources = append(r.Resources, m2m.MachineID(text)) // one that is no id is not among anybody's scopes
	}
	issued, err := a.issue(x, client, r)
	if err != nil {
		return err
	}
	x.kind, x.machine = m2m.MachineHolder, issued.Record.Machine
	x.c.Writer.Header()["Pragma"] = []string{"no-cache"} // RFC 6749 section 5.1
	x.send(http.StatusOK, appendIssued(nil, &issued))
	return nil
}

// readScope reads scope-tokens, which are the ids of receivers here.
func readScope(text string) (m2m.Scopes, error) {
	scopes, ok := m2m.ParseScopes(text)
	if !ok || len(scopes) == 0 {
		return nil, &m2m.FieldError{Field: "scope", Reason: m2m.WrongFormat, Message: "must be ids of machines with one space between them"}
	}
	return scopes, nil
}

// appendIssued writes the answer of RFC 6749 section 5.1. An endless token has no expires_in, one for nobody no scope.
func appendIssued(b []byte, issued *tokens.Issued) []byte {
	r := &issued.Record
	b = append(append(b, `{"access_token":"`...), issued.Bearer.Reveal()...)
	b = append(b, `","token_type":"Bearer"`...)
	if !r.ExpiresAt.IsZero() {
		b = strconv.AppendInt(append(b, `,"expires_in":`...), int64(r.ExpiresAt.Sub(r.CreatedAt)/time.Second), 10)
	}
	if len(r.Scopes) > 0 {
		b = append(append(append(b, `,"scope":"`...), r.Scopes.String()...), '"')
	}
	return append(b, '}')
}
