package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
)

// area is a part of the API in which faults have codes of their own.
type area struct {
	nobody error // what a credential that belongs to nobody is told
	form   bool  // bad fields are 422 form_param_*, else 400
	oauth  bool  // errors are those of RFC 6749 section 5.2
}

// handle answers one request, or gives the error that the one table translates.
type handle func(x *exchange) error

// routes is the whole surface. Who may call is said here: operator is the instance key alone, do leaves it to the handler.
func (a *api) routes(e *gin.Engine) {
	admin := area{nobody: errInstanceKey, form: true}
	reports := area{nobody: errInstanceKey}
	tokens := area{nobody: errMachineSecret}

	const machine = "/v1/machines/:machine_id"
	e.GET("/v1/machines", a.operator(admin, a.listMachines))
	e.POST("/v1/machines", a.operator(admin, a.createMachine))
	e.GET(machine, a.operator(admin, a.getMachine))
	e.PATCH(machine, a.operator(admin, a.updateMachine))
	e.DELETE(machine, a.operator(admin, a.deleteMachine))
	e.GET(machine+"/secret_key", a.operator(admin, a.viewSecret))
	e.POST(machine+"/secret_key/rotate", a.operator(admin, a.rotateSecret))
	e.POST(machine+"/scopes", a.operator(admin, a.addScope))
	e.DELETE(machine+"/scopes/:other_machine_id", a.operator(admin, a.removeScope))

	for _, prefix := range []string{"/m2m_tokens", "/v1/m2m_tokens"} { // the JS SDK calls the one, the Go SDK the other
		e.POST(prefix, a.do(tokens, a.createToken))
		e.GET(prefix, a.do(tokens, a.listTokens))
		e.POST(prefix+"/verify", a.limited(tokens, a.verify))
		e.POST(prefix+"/verify_batch", a.limited(tokens, a.verifyBatch))
		e.POST(prefix+"/:token_id/revoke", a.do(tokens, a.revokeToken))
	}

	a.oauthRoutes(e)

	e.GET("/v1/keys", a.operator(admin, a.listKeys))
	e.POST("/v1/keys/rotate", a.operator(admin, a.rotateKeys))
	e.POST("/v1/keys/:kid/compromise", a.operator(admin, a.compromiseKey))

	e.GET("/v1/usage", a.limited(reports, a.usage))
	e.GET("/v1/audit", a.operator(reports, a.audit))

	for _, path := range []string{"/v1/jwks", "/.well-known/jwks.json"} {
		e.GET(path, a.do(reports, a.jwks))
		e.HEAD(path, a.do(reports, a.jwks))
	}
	// Monitors ask for the headers alone as often as for the whole: net/http leaves the body out.
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Handle(method, "/", a.do(reports, a.signpost))
		e.Handle(method, "/openapi.yaml", a.do(reports, a.openapi))
		e.Handle(method, "/healthz", a.probe(a.healthz)) // probes are never turned away by a rate limit
		e.Handle(method, "/readyz", a.probe(a.readyz))
	}

	e.NoRoute(a.do(reports, func(*exchange) error { return errNoRoute }))
	e.NoMethod(a.do(reports, func(*exchange) error { return errNoMethod }))
}

// do runs a handler under the address's rate limit and for requestTimeout at most: then its context ends, and so does what waits with it.
func (a *api) do(in area, f handle) gin.HandlerFunc {
	return a.limited(in, func(x *exchange) error {
		ctx, cancel := context.WithTimeout(x.ctx(), requestTimeout)
		defer cancel()
		x.c.Request = x.c.Request.WithContext(ctx)
		return a.strangers(x, f(x))
	})
}

// limited runs a handler under the address's rate limit alone. What it asks must bound its own time.
func (a *api) limited(in area, f handle) gin.HandlerFunc {
	return a.probe(func(x *exchange) error {
		x.area = in
		if err := a.limits.address(x.address, x.start); err != nil {
			return err
		}
		return a.strangers(x, f(x))
	})
}

// probe runs a handler without any limit. It begins the exchange, catches panics and writes the one log line.
func (a *api) probe(f handle) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := a.begin(c)
		defer a.finish(x)
		if err := f(x); err != nil {
			a.fail(x, err)
		}
	}
}

// operator runs a handler for the holder of the instance key and for nobody else (R21).
func (a *api) operator(in area, f func(x *exchange, by m2m.Actor) error) gin.HandlerFunc {
	return a.do(in, func(x *exchange) error {
		caller, err := a.caller(x)
		if err != nil {
			return err
		}
		if !caller.Instance {
			return m2m.ErrForbidden
		}
		return f(x, x.actor(caller))
	})
}

// page is a list that was asked for.
type page struct{ limit, offset int }

func readPage(p *params, byDefault, most int64) page {
	const farthest = 1<<31 - 1
	return page{limit: int(p.integer("limit", byDefault, 1, most)), offset: int(p.integer("offset", 0, 0, farthest))}
}

// methods that this API answers; any other is logged under one name.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodPut, http.MethodOptions:
		return m
	default:
		return "other"
	}
}
