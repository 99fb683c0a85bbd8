package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/dualmint/dualmint/internal/secret"
)

// The names of the session's cookie (R46). The first is one that a browser takes only over HTTPS, for this host alone, with Path=/; over
// plain HTTP on the machine itself browsers refuse that name.
const (
	secureCookie = "__Host-dualmint-session"
	plainCookie  = "dualmint-session"
)

func (d *dashboard) cookieName() string {
	if d.secure {
		return secureCookie
	}
	return plainCookie
}

// sessionID is what the browser presents as its session, or empty. It is the cookie and nothing else: an Authorization header says
// nothing here (R21). Two cookies of the name are none.
func (x *exchange) sessionID() secret.Text {
	cookies := x.c.Request.CookiesNamed(x.d.cookieName())
	if len(cookies) != 1 {
		return ""
	}
	return secret.Text(cookies[0].Value)
}

// setSession gives the browser its session, until it is closed at the latest. An empty id takes it away.
func (x *exchange) setSession(id secret.Text) {
	c := &http.Cookie{ //nolint:gosec // G124: over plain HTTP, on the machine itself alone, browsers refuse Secure
		Name: x.d.cookieName(), Value: id.Reveal(), Path: "/", HttpOnly: true, Secure: x.d.secure, SameSite: http.SameSiteStrictMode,
	}
	if id == "" {
		c.MaxAge = -1
	}
	http.SetCookie(x.c.Writer, c)
}

// safe tells whether the key and a session may travel on this connection: over HTTPS, or without leaving the machine. The browser puts the
// name that it asked for into the Host header. HTTPS ends before this server, so what tells is that it asked for the issuer's name, or that
// a proxy that is trusted asks for it.
func (x *exchange) safe() bool {
	if isLoopback(x.c.Request.Host) {
		return true
	}
	return x.d.secure && (withoutPort(x.c.Request.Host) == withoutPort(x.d.host) || x.fromProxy())
}

func withoutPort(host string) string { return strings.TrimSuffix(strings.ToLower(host), ":443") }

// fromProxy tells whether the other end of the connection is one of TrustedProxies.
func (x *exchange) fromProxy() bool {
	end, err := netip.ParseAddrPort(x.c.Request.RemoteAddr)
	return err == nil && slices.ContainsFunc(x.d.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(end.Addr().Unmap()) })
}

func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// ours gives the path of a page of the dashboard as it was, and Root for anything else: nobody is sent to another host, or to what answers
// forms alone.
func (d *dashboard) ours(path string) string {
	u, err := url.Parse(path) // of what a browser makes of dots in a path, nothing leads out of Root
	ok := err == nil && !strings.Contains(u.Path, "..") && u.Scheme == "" && u.Host == "" && u.User == nil && !strings.ContainsAny(path, "\\\r\n\t") &&
		d.isPage(u.Path) // each of them begins with Root
	if !ok {
		return Root
	}
	return path
}
