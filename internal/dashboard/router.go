package dashboard

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
)

// requestTimeout is how long a page may wait for the database and for whatever else it needs.
const requestTimeout = 10 * time.Second

// handle answers one request, or gives the error that the one table translates.
type handle func(x *exchange) error

// routes is where pages are hung up. Who may ask is said by the method.
type routes struct {
	d *dashboard
	e *gin.Engine
}

// routes is the whole surface: one line a page.
func (d *dashboard) routes(r routes) {
	d.signInRoutes(r)
	d.themeRoutes(r)
	d.assetRoutes(r)
	d.overviewRoutes(r)
	d.machineRoutes(r)
	d.machineChangeRoutes(r)
	d.machineSecretRoutes(r)
	d.tokenRoutes(r)
	d.tokenNewRoutes(r)
	d.tokenRevokeRoutes(r)
	d.inspectRoutes(r)
	d.graphRoutes(r)
	d.usageRoutes(r)
	d.keyRoutes(r)
	d.auditRoutes(r)

	r.e.NoRoute(d.anyone(d.signedIn(func(*exchange) error { return m2m.ErrNotFound })))
	r.e.NoMethod(d.anyone(func(*exchange) error { return errNoMethod }))
}

// get hangs up a page for whoever has a session.
func (r routes) get(path string, f handle) { r.open(http.MethodGet, path, r.d.signedIn(f)) }

// post hangs up a change for whoever has a session.
func (r routes) post(path string, f handle) { r.e.POST(Root+path, r.d.anyone(r.d.signedIn(f))) }

// open hangs up what needs no session.
func (r routes) open(method, path string, f handle) {
	if method == http.MethodGet {
		r.d.gets = append(r.d.gets, strings.Split(Root+path, "/"))
	}
	r.e.Handle(method, Root+path, r.d.anyone(f))
}

// anyone runs a handler under the address's rate limit, for requestTimeout at most, and if the request came from a page of ours (R47). It
// begins the exchange, catches panics and writes the one log line.
func (d *dashboard) anyone(f handle) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := d.begin(c)
		defer d.finish(x)
		ctx, cancel := context.WithTimeout(x.ctx(), requestTimeout)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		err := d.guarded(x, f)
		if err != nil && c.Writer.Written() { // what has begun cannot be taken back: the client is to know that it ends too soon
			x.cause = err
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			d.fail(x, err)
		}
	}
}

func (d *dashboard) guarded(x *exchange, f handle) error {
	if err := d.visits.take(x.address, x.start); err != nil {
		return err
	}
	if err := d.origins.Check(x.c.Request); err != nil {
		return errCrossSite
	}
	return f(x)
}

// isPage tells whether a path answers a GET.
func (d *dashboard) isPage(path string) bool {
	parts := strings.Split(path, "/")
	return slices.ContainsFunc(d.gets, func(route []string) bool {
		return slices.EqualFunc(route, parts, func(r, p string) bool { return r == p || strings.HasPrefix(r, ":") && p != "" })
	})
}

// pageOf is the page that a form was sent from: it has the form's own path, or the nearest one above.
func (d *dashboard) pageOf(to string) string {
	for to != Root && !d.isPage(to) {
		if to = path.Dir(to); len(to) < len(Root) {
			return Root
		}
	}
	return to
}

// signedIn runs a handler for the holder of a session. Who has none is sent to sign in, and comes back to the page asked for or to that
// of the form; a change that did not happen is said to be one.
func (d *dashboard) signedIn(f handle) handle {
	return func(x *exchange) error {
		session, err := d.Sessions.Find(x.ctx(), x.sessionID())
		if errors.Is(err, m2m.ErrUnauthenticated) {
			return x.toSignIn()
		}
		if err != nil {
			return err
		}
		x.session, x.signedIn = session, true
		return f(x)
	}
}

// methodName is the request's method for the log; any that the dashboard does not answer has one name.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return m
	default:
		return "other"
	}
}
