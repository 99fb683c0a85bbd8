package dashboard

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Root is the path under which every page lies.
const Root = "/dashboard"

// Deps is what the dashboard is joined from. Every field is required unless it says otherwise.
type Deps struct {
	Sessions Sessions
	Machines Machines
	Tokens   Tokens
	Tally    Tally
	Graph    Graph
	Ledger   Ledger
	Reports  Reports
	Keys     Keys
	Audit    Audit
	Rule     m2m.ScopeRule
	Instance m2m.InstanceID
	Issuer   string // the public base URL, without a slash at its end
	Logger   *slog.Logger
	Now      func() time.Time
	// TrustedProxies may say in X-Forwarded-For whom they speak for. Empty: nobody may.
	TrustedProxies []netip.Prefix
	RatePerAddress int // requests a second from one address; 0: no limit. Sign-ins have a limit of their own
}

// dashboard is the handlers and what they share.
type dashboard struct {
	Deps
	secure  bool // browsers come by HTTPS
	host    string
	pages   map[string]*template.Template
	gets    [][]string // the paths that answer a GET, in parts
	assets  assets
	origins *http.CrossOriginProtection
	signIns *limiter // sign-ins by address
	visits  *limiter // requests by address
}

// New makes the handler of everything under Root. It is safe for concurrent use. The error is one of the program itself: a template that
// cannot be read.
func New(d Deps) (http.Handler, error) {
	issuer, err := url.Parse(d.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read issuer: %w", err)
	}
	files, err := readAssets()
	if err != nil {
		return nil, err
	}
	pages, err := readPages(d.Now)
	if err != nil {
		return nil, err
	}
	b := &dashboard{
		Deps: d, secure: issuer.Scheme == "https", host: issuer.Host, pages: pages, assets: files,
		origins: http.NewCrossOriginProtection(),
		signIns: newLimiter(signInsASecond, signInsAtOnce), visits: newLimiter(float64(d.RatePerAddress), d.RatePerAddress),
	}
	return b.engine(), nil
}

// engine is gin without its defaults (R55): no trusted proxy unless listed, no redirects, no logger or recovery of its own.
func (d *dashboard) engine() *gin.Engine {
	if gin.Mode() == gin.DebugMode { // gin's mode is one for the process; tests have their own
		gin.SetMode(gin.ReleaseMode)
	}
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.RemoteIPHeaders = []string{"X-Forwarded-For"}
	proxies := make([]string, 0, len(d.TrustedProxies))
	for _, p := range d.TrustedProxies {
		if p.IsValid() {
			proxies = append(proxies, p.String())
		}
	}
	if err := e.SetTrustedProxies(proxies); err != nil {
		_ = e.SetTrustedProxies(nil) // cannot happen with valid prefixes; doubt trusts nobody
	}
	d.routes(routes{d, e})
	return e
}
