package httpapi

import (
	"errors"
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
	if err := a.limits.credential(credential, x.start); err != nil {
		return "", err
	}
	x.unproven = credential
	return credential, nil
}

// caller tells who sent the request. It never answers with nobody.
func (a *api) caller(x *exchange) (m2m.Caller, error) {
	if _, err := a.credential(x); err != nil {
		return m2m.Caller{}, err
	}
	return a.prove(x)
}

// prove looks up who holds the credential of the request, unless that is proven already.
func (a *api) prove(x *exchange) (m2m.Caller, error) {
	if x.asserted != nil {
		return m2m.Caller{Machine: &x.asserted.Machine}, nil
	}
	caller, err := a.Machines.Authenticate(x.ctx(), x.unproven)
	if err != nil {
		return m2m.Caller{}, err
	}
	if !caller.Known() || !a.named(x, caller) {
		return m2m.Caller{}, m2m.ErrUnauthenticated
	}
	x.unproven = ""
	by := x.actor(caller)
	x.kind, x.machine = by.Kind, by.Machine
	return caller, nil
}

// strangers turns what is wrong with a request into "nobody" if nobody sent it: only those who may ask are told what they asked wrongly.
// Where services authenticate by themselves this is the one look-up of a request that does not get to them.
func (a *api) strangers(x *exchange, err error) error {
	if x.unproven == "" || !aboutInput(err) {
		return err
	}
	caller, authErr := a.prove(x)
	x.unproven = "" // asked once
	if errors.Is(authErr, m2m.ErrUnauthenticated) || authErr == nil && caller.Instance && x.machineOnly {
		return m2m.ErrUnauthenticated
	}
	return err
}

// actor is the caller as the audit log names it.
func (x *exchange) actor(caller m2m.Caller) m2m.Actor {
	by := m2m.Actor{Kind: m2m.Operator, Address: x.addressText(), TraceID: x.trace}
	if !caller.Instance {
		by.Kind, by.Machine = m2m.MachineHolder, caller.MachineID()
	}
	return by
}
