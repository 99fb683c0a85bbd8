package httpapi

import (
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const bearerScheme = "Bearer "

// credential gives what the request presents as its identity, which is the Authorization header and nothing else (R13). It has passed
// the rate limit of its holder and can be a credential at all (R11); whose it is, the services tell.
func (a *api) credential(x *exchange) (secret.Text, error) {
	values := x.c.Request.Header["Authorization"]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return "", errNoCredential
	}
	header := values[0]
	if len(values) > 1 || len(header) <= len(bearerScheme) || !strings.EqualFold(header[:len(bearerScheme)], bearerScheme) {
		return "", errBearerFormat
	}
	text := header[len(bearerScheme):]
	if !secret.Presentable(text, secret.MaxLength) {
		return "", m2m.ErrUnauthenticated
	}
	credential := secret.Text(text)
	if err := a.limits.credential(credential, x.start, 1); err != nil {
		return "", err
	}
	return credential, nil
}

// caller tells who sent the request. It never answers with nobody.
func (a *api) caller(x *exchange) (m2m.Caller, error) {
	credential, err := a.credential(x)
	if err != nil {
		return m2m.Caller{}, err
	}
	caller, err := a.Machines.Authenticate(x.ctx(), credential)
	if err != nil {
		return m2m.Caller{}, err
	}
	if !caller.Known() {
		return m2m.Caller{}, m2m.ErrUnauthenticated
	}
	by := x.actor(caller)
	x.kind, x.machine = by.Kind, by.Machine
	return caller, nil
}

// actor is the caller as the audit log names it.
func (x *exchange) actor(caller m2m.Caller) m2m.Actor {
	by := m2m.Actor{Kind: m2m.Operator, Address: x.addressText(), TraceID: x.trace}
	if !caller.Instance {
		by.Kind, by.Machine = m2m.MachineHolder, caller.MachineID()
	}
	return by
}
