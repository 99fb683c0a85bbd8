package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

// exchange is one request on its way through: what handlers need of it, and what they note for its one log line.
type exchange struct {
	c       *gin.Context
	conn    *conn // nil: none of Listener's
	lent    *lent
	area    area
	trace   string
	start   time.Time
	address netip.Addr
	kind    m2m.ActorKind // who called, once that is known
	machine m2m.MachineID
	cause   error  // of a 5xx
	reason  string // of a refusal, for the operator: the answer does not tell it (R17)

	unproven    secret.Text      // a credential that nobody has looked up yet
	machineOnly bool             // the instance key is nobody here
	client      string           // who the request says it comes from; empty: it does not say
	asserted    *machines.Proven // who it comes from, of a client that proved that by an assertion

	over bool // nothing but its end is left: whoever set this let nobody keep the exchange
}

// lent is what others may keep of an exchange that is over.
type lent struct {
	values [3]string // of headers
	waits  waiting   // what unwatched gives
}

// netHTTPTells is how long a body may be whose Content-Length net/http tells by itself, from what it has kept back until the handler ended. (So
// a body is written whole, and nobody flushes.)
const netHTTPTells = 2048

const (
	jsonType    = "application/json" // exactly: with a charset the JS SDK hands back a string
	traceHeader = "Clerk-Trace-Id"
)

// begin starts an exchange and sets the headers that every answer has.
func (a *api) begin(c *gin.Context) *exchange {
	var id [16]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	x, _ := a.exchanges.Get().(*exchange)
	x.c, x.conn, x.lent, x.trace, x.start = c, connOf(c.Request.Context()), new(lent), hex.EncodeToString(id[:]), a.Now()
	x.address = a.addressOf(x)
	h := c.Writer.Header() // its names are written as net/http writes them
	h[traceHeader] = x.value(0, x.trace)
	h["X-Content-Type-Options"] = a.noSniff
	h["Cache-Control"] = a.noStore
	return x
}

// addressOf is where the request came from: the connection's other end, unless that may speak for somebody else. It is invalid when it
// is unknown.
func (a *api) addressOf(x *exchange) netip.Addr {
	switch {
	case len(a.TrustedProxies) > 0:
		addr, _ := netip.ParseAddr(x.c.ClientIP())
		return addr.Unmap()
	case x.conn != nil:
		return x.conn.from
	default:
		end, _ := netip.ParseAddrPort(x.c.Request.RemoteAddr)
		return end.Addr().Unmap()
	}
}

// value is that of a header, in memory that outlives x.
func (x *exchange) value(at int, v string) []string {
	x.lent.values[at] = v
	return x.lent.values[at : at+1 : at+1]
}

// ctx is the request's context; gin's own is not cancelled with its request.
func (x *exchange) ctx() context.Context { return x.c.Request.Context() }

// addressText is the caller's address, or empty when it is unknown.
func (x *exchange) addressText() string {
	if !x.address.IsValid() {
		return ""
	}
	return x.address.String()
}

// send writes a JSON answer.
func (x *exchange) send(status int, body []byte) {
	x.sendAs(status, jsonType, body)
}

func (x *exchange) sendAs(status int, contentType string, body []byte) {
	h := x.c.Writer.Header()
	h["Content-Type"] = x.value(1, contentType)
	if len(body) > netHTTPTells {
		h["Content-Length"] = x.value(2, strconv.Itoa(len(body)))
	}
	x.c.Writer.WriteHeader(status)
	_, _ = x.c.Writer.Write(body) // the client is gone: nobody is left to tell
}

// ok encodes and writes the answer of a call that went well.
func (x *exchange) ok(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	x.send(http.StatusOK, body)
	return nil
}

// millis is a time on the wire.
func millis(t time.Time) int64 { return t.UnixMilli() }
