package httpapi

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

const basicScheme = "Basic "

// errTwoWays is a client that authenticates by more than one method.
var errTwoWays = invalidRequest("the client authenticates in two ways")

// oauthClient is who asks: by a secret that nobody has looked up yet, or proven by an assertion.
type oauthClient struct {
	credential secret.Text
	proven     *machines.Proven // nil: by credential
}

// client finds out who asks, in one way and never in two (RFC 6749 section 2.3).
func (a *api) client(x *exchange, f form) (oauthClient, error) {
	if f.one("client_assertion") != "" || f.one("client_assertion_type") != "" {
		return a.assertedClient(x, f)
	}
	credential, err := a.clientCredential(x, f)
	return oauthClient{credential: credential}, err
}

// clientCredential gives what the request presents as its client: a name and a secret, by HTTP Basic or in the form, and never both
// (RFC 6749 section 2.3). The secret has passed the rate limit of its holder; whether it is that client's, named or the services tell.
func (a *api) clientCredential(x *exchange, f form) (secret.Text, error) {
	id, password, err := basicClient(x.c.Request.Header["Authorization"])
	if err != nil {
		return "", err
	}
	formID, formPassword := f.one("client_id"), f.one("client_secret")
	switch basic := id != "" || password != ""; {
	case basic && formPassword != "":
		return "", errTwoWays
	case basic && formID != "" && formID != id:
		return "", invalidRequest("client_id is not the client that authenticates")
	case !basic:
		id, password = formID, formPassword
	}
	if id == "" || !secret.Presentable(id, secret.MaxLength) || !secret.Presentable(password, secret.MaxLength) {
		return "", m2m.ErrUnauthenticated
	}
	credential := secret.Text(password)
	if err := a.limits.credential(credential, x.start); err != nil {
		return "", err
	}
	x.unproven, x.client = credential, id
	return credential, nil
}

// basicClient takes an Authorization header apart. Both halves are form-encoded before they are base64 (RFC 6749 section 2.3.1).
func basicClient(values []string) (id, password string, err error) {
	if len(values) == 0 {
		return "", "", nil
	}
	header := values[0]
	if len(values) > 1 || len(header) <= len(basicScheme) || !strings.EqualFold(header[:len(basicScheme)], basicScheme) {
		return "", "", m2m.ErrUnauthenticated
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(header[len(basicScheme):])
	if err != nil {
		return "", "", m2m.ErrUnauthenticated
	}
	left, right, _ := strings.Cut(string(plain), ":")
	id, errID := url.QueryUnescape(left)
	password, errPassword := url.QueryUnescape(right)
	if errID != nil || errPassword != nil || id == "" || password == "" {
		return "", "", m2m.ErrUnauthenticated
	}
	return id, password, nil
}

// named tells whether the request comes from whom it says, as far as it says so.
func (a *api) named(x *exchange, caller m2m.Caller) bool {
	if caller.Instance {
		return x.client == "" || x.client == string(a.Instance)
	}
	return x.client == "" || x.client == string(caller.MachineID())
}
