package dashboard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/sessions"
)

// exchange is one request on its way through: what handlers need of it, and what they note for its one log line.
type exchange struct {
	d        *dashboard
	c        *gin.Context
	came     *http.Request // as it came: its context ends with the client, and not after requestTimeout
	trace    string
	start    time.Time
	address  netip.Addr
	session  sessions.Session
	signedIn bool
	cause    error // of a 5xx
}

const traceHeader = "Dualmint-Trace-Id"

// begin starts an exchange and sets the headers that every answer has.
func (d *dashboard) begin(c *gin.Context) *exchange {
	var id [16]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	x := &exchange{d: d, c: c, came: c.Request, trace: hex.EncodeToString(id[:]), start: d.Now(), address: d.addressOf(c)}
	h := c.Writer.Header()
	h.Set(traceHeader, x.trace)
	d.fence(h)
	return x
}

// addressOf is where the request came from: the connection's other end, unless that may speak for somebody else. It is invalid when it
// is unknown.
func (d *dashboard) addressOf(c *gin.Context) netip.Addr {
	if len(d.TrustedProxies) == 0 {
		end, _ := netip.ParseAddrPort(c.Request.RemoteAddr)
		return end.Addr().Unmap()
	}
	addr, _ := netip.ParseAddr(c.ClientIP())
	return addr.Unmap()
}

// ctx is the request's context; gin's own is not cancelled with its request.
func (x *exchange) ctx() context.Context { return x.c.Request.Context() }

// actor is the operator as the audit log names them.
func (x *exchange) actor() m2m.Actor {
	by := m2m.Actor{Kind: m2m.Operator, TraceID: x.trace}
	if x.address.IsValid() {
		by.Address = x.address.String()
	}
	if x.signedIn {
		by.Session = x.session.Label()
	}
	return by
}

// redirect sends the browser to another page of ours, with GET.
func (x *exchange) redirect(path string) error {
	x.c.Writer.Header().Set("Location", path)
	x.c.Writer.WriteHeader(http.StatusSeeOther)
	x.c.Writer.WriteHeaderNow()
	return nil
}

// search gives what somebody looks for, as long as a name may be; what is longer is cut.
func (x *exchange) search(name string) string { return firstLetters(x.query(name), m2m.MaxNameLength) }

// query gives a parameter of the query string; of one that stands there twice, the first.
func (x *exchange) query(name string) string { return x.c.Query(name) }
