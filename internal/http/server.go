package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Limits of the listener (R52). Reports of usage are the slowest answers.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 120 * time.Second
	maxHeader     = 16 << 10
	headerSlop    = 4 << 10 // net/http reads this much past MaxHeaderBytes
)

// requestTimeout is how long a request may wait for the database and for whatever else it needs; net/http's own limits end the
// connection, not the work. Verifications do without: they are bounded by the batch that they travel in, reports by their service.
const requestTimeout = 5 * time.Second

// bufferSize holds nearly every body and answer of a verification.
const bufferSize = 4 << 10

// Deps is what the API is joined from. Every field is required unless it says otherwise.
type Deps struct {
	Machines Machines
	Tokens   Tokens
	Grouped  bool // Tokens verifies in batches and asks Left of each: clients that wait need not be watched
	// Assertions and Introspections are for OAuth clients: private_key_jwt, and signed answers to introspection.
	Assertions     Assertions
	Introspections Introspections

	Usage UsageReports
	Audit AuditLog
	Keys  Keys
	// Ready tells whether this process can serve: database reachable and migrated, master key fits, clocks agree.
	Ready    func(ctx context.Context) error
	Instance m2m.InstanceID
	Issuer   string // the public base URL, without a slash at its end
	Logger   *slog.Logger
	Now      func() time.Time
	// TrustedProxies may say in X-Forwarded-For whom they speak for. Empty: nobody may.
	TrustedProxies []netip.Prefix
	Limits         Limits // zero: no rate limits
	// OpenAPI is served at /openapi.yaml. Nil: the description in this package.
	OpenAPI []byte
}

// api is the handlers and what they share.
type api struct {
	Deps
	answers answers
	limits  *limiters
	batches batchRoom

	exchanges    sync.Pool // of *exchange, empty
	buffers      sync.Pool // of *bytes.Buffer: request and answer of a verification
	batchAnswers sync.Pool // of *[]byte

	noSniff, noStore []string // values of headers that every answer has, shared by all of them
}

// New makes the handler of the whole API. It is safe for concurrent use.
func New(d Deps) http.Handler { return newAPI(d).engine() }

func newAPI(d Deps) *api {
	if d.OpenAPI == nil {
		d.OpenAPI = openAPI
	}
	a := &api{Deps: d, answers: newAnswers(), limits: newLimiters(d.Limits), batches: newBatchRoom(batchMemory), noSniff: []string{"nosniff"}, noStore: []string{"no-store"}}
	a.exchanges.New = func() any { return new(exchange) }
	a.batchAnswers.New = func() any { return new([]byte) }
	a.buffers.New = func() any { return bytes.NewBuffer(make([]byte, 0, bufferSize)) }
	return a
}

// engine is gin without its defaults (R55): no trusted proxy unless listed, no redirects, no logger or recovery of its own.
func (a *api) engine() *gin.Engine {
	if gin.Mode() == gin.DebugMode { // gin's mode is one for the process; tests have their own
		gin.SetMode(gin.ReleaseMode)
	}
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.RemoteIPHeaders = []string{"X-Forwarded-For"}
	proxies := make([]string, 0, len(a.TrustedProxies))
	for _, p := range a.TrustedProxies {
		if p.IsValid() {
			proxies = append(proxies, p.String())
		}
	}
	if err := e.SetTrustedProxies(proxies); err != nil {
		_ = e.SetTrustedProxies(nil) // cannot happen with valid prefixes; doubt trusts nobody
	}
	a.routes(e)
	return e
}

// NewServer gives a server with every time and size limit set (R52). Its caller sets ErrorLog.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:                         addr,
		Handler:                      handler,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader - headerSlop,
		DisableGeneralOptionsHandler: true,
		ConnContext:                  withConn,
	}
}
