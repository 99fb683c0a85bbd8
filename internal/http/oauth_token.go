package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// inactive is the one answer about a token that is not good for whoever asks (RFC 7662 section 2.2, R17).
const inactive = `{"active":false}`

// oauthIntrospect is verify for clients that know RFC 7662. It is billed alike.
func (a *api) oauthIntrospect(x *exchange) error {
	client, token, err := a.possessed(x)
	if err != nil {
		return err
	}
	x.c.Writer.Header().Set("Vary", "Accept")
	signed := prefers(x.c.Request.Header.Values("Accept"), signedIntrospection)
	var sign func([]byte) (string, error)
	if x.client != "" || signed { // the verification knows the credential and not the name
		caller, err := a.prove(x)
		if err != nil {
			return err
		}
		if signed {
			if sign, err = a.signerFor(x, caller); err != nil {
				return err
			}
		}
	}
	answer := []byte(inactive)
	record, err := a.check(x, client, token)
	switch {
	case err == nil:
		answer = a.appendIntrospection(nil, &record)
	case !errors.Is(err, m2m.ErrRefused) || doubtful(err):
		return err
	}
	if !signed {
		x.send(http.StatusOK, answer)
		return nil
	}
	text, err := sign(answer)
	if err != nil {
		return err
	}
	x.sendAs(http.StatusOK, signedIntrospection, []byte(text))
	return nil
}

// signedIntrospection is the media type of RFC 9701, for those who must show to others what they were told.
const signedIntrospection = "application/token-introspection+jwt"

// signerFor gives what signs an answer that names the caller as its audience. It is dated before the token is looked at.
func (a *api) signerFor(x *exchange, caller m2m.Caller) (func(answer []byte) (string, error), error) {
	audience := string(a.Instance)
	if !caller.Instance {
		audience = string(caller.MachineID())
	}
	return a.Introspections.IntrospectionSigner(x.ctx(), audience, x.start)
}

// oauthRevoke is revocation by possession (RFC 7009). What cannot be revoked by this caller, whatever the reason, is answered like what
// has been (section 2.2), and is left as it was.
func (a *api) oauthRevoke(x *exchange) error {
	_, token, err := a.possessed(x)
	if err != nil {
		return err
	}
	caller, err := a.prove(x)
	if err != nil {
		return err
	}
	err = a.Tokens.RevokeBearer(x.ctx(), caller, x.actor(caller), token)
	if err != nil && (!errors.Is(err, m2m.ErrNotFound) || doubtful(err)) {
		return err
	}
	x.send(http.StatusOK, []byte(`{}`))
	return nil
}

// doubtful tells whether an error also says that nobody can tell now (I6).
func doubtful(err error) bool {
	return errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, m2m.ErrBusy)
}

// possessed reads a request about a token that the client has: who asks, and the token. A token_type_hint is not needed.
func (a *api) possessed(x *exchange) (client oauthClient, token secret.Text, err error) {
	f, err := x.form(verifyCap)
	if err != nil {
		return oauthClient{}, "", err
	}
	if x.triesBearer() && f.one("client_assertion") == "" { // a machine's secret or the instance key, as everywhere else
		if f.one("client_secret") != "" {
			return oauthClient{}, "", errTwoWays
		}
		client.credential, err = a.credential(x)
		x.client = f.one("client_id")
	} else {
		client, err = a.client(x, f)
	}
	if err != nil {
		return oauthClient{}, "", err
	}
	token = secret.Text(f.one("token"))
	if token == "" {
		return oauthClient{}, "", invalidRequest("token is missing")
	}
	return client, token, nil
}

// appendIntrospection writes what a good token says. Custom claims are under one name: there, none can be taken for a member of ours.
func (a *api) appendIntrospection(b []byte, r *m2m.Record) []byte {
	b = append(b, `{"active":true,"token_type":"Bearer","iss":`...)
	b = strconv.AppendQuote(b, a.Issuer) // a URL: nothing in it needs an escape
	b = append(append(b, `,"sub":"`...), r.Machine...)
	b = append(append(b, `","client_id":"`...), r.Machine...)
	b = append(b, `","aud":[`...)
	for i, id := range r.Scopes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), id...), '"')
	}
	b = append(b, ']')
	if len(r.Scopes) > 0 { // RFC 6749 section 3.3 has no empty scope
		b = append(append(append(b, `,"scope":"`...), r.Scopes.String()...), '"')
	}
	b = append(append(b, `,"jti":"`...), r.ID...)
	b = strconv.AppendInt(append(b, `","iat":`...), r.IssuedAt.Unix(), 10)
	b = strconv.AppendInt(append(b, `,"nbf":`...), r.IssuedAt.Unix(), 10)
	if !r.ExpiresAt.IsZero() {
		b = strconv.AppendInt(append(b, `,"exp":`...), r.ExpiresAt.Unix(), 10)
	}
	if r.Claims != nil {
		b = append(append(b, `,"claims":`...), r.Claims...)
	}
	return append(b, '}')
}
