package httpapi

import (
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// jwtBearer is the one client_assertion_type (RFC 7523 section 2.2).
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" //nolint:gosec // G101: no credential, a name

// assertedClient is a client that signed instead of showing a secret (RFC 7523 section 2.2, private_key_jwt in OpenID Connect Core section
// 9). Its assertion is used up, whatever else is wrong with the request, unless it comes too often. What it lacks, it is not told
// (RFC 7521 section 4.2.1). The machine shares its rate limit with its own secret; before it is known, whoever repeats an assertion is
// limited like one who repeats a secret.
func (a *api) assertedClient(x *exchange, f form) (oauthClient, error) {
	assertion, kind := f.one("client_assertion"), f.one("client_assertion_type")
	switch {
	case f.one("client_secret") != "" || len(x.c.Request.Header["Authorization"]) > 0:
		return oauthClient{}, errTwoWays
	case assertion == "" || kind == "":
		return oauthClient{}, invalidRequest("client_assertion and client_assertion_type belong together")
	case kind != jwtBearer:
		x.reason = "client_assertion_type is not " + jwtBearer
		return oauthClient{}, m2m.ErrUnauthenticated
	}
	if err := a.limits.credential(secret.Text(assertion), x.start); err != nil {
		return oauthClient{}, err
	}
	proven, err := a.Assertions.Prove(x.ctx(), secret.Text(assertion), func(current secret.Hash) error { return a.limits.holder(current, x.start) })
	if refusal, ok := errors.AsType[*machines.AssertionError](err); ok {
		x.reason = refusal.Error()
	}
	if err != nil {
		return oauthClient{}, err
	}
	id := string(proven.Machine.ID)
	if named := f.one("client_id"); named != "" && named != id { // RFC 7521 section 4.2
		x.reason = "client_id is not the machine that signed the assertion"
		return oauthClient{}, m2m.ErrUnauthenticated
	}
	x.client, x.asserted = id, &proven
	x.kind, x.machine = m2m.MachineHolder, proven.Machine.ID
	return oauthClient{proven: &proven}, nil
}

// issue makes a token for a client.
func (a *api) issue(x *exchange, c oauthClient, r tokens.Request) (tokens.Issued, error) {
	if c.proven != nil {
		return a.Tokens.IssueTo(x.ctx(), c.proven.Machine, r)
	}
	return a.Tokens.Issue(x.ctx(), c.credential, r)
}

// check verifies a token for a client. One that has proved itself, and is unknown a moment later, was deleted or had its secret rotated in
// between: which of the two, the next attempt will tell.
func (a *api) check(x *exchange, c oauthClient, token secret.Text) (m2m.Record, error) {
	if c.proven == nil {
		return a.Tokens.Verify(x.ctx(), c.credential, token)
	}
	record, err := a.Tokens.VerifyFor(x.ctx(), c.proven.Current, token)
	if errors.Is(err, m2m.ErrUnauthenticated) {
		err = fmt.Errorf("%w: the client changed meanwhile", m2m.ErrUnavailable)
	}
	return record, err
}
