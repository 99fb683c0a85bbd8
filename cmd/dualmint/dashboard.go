package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/dashboard"
)

// beside serves the pages under their root, and the API everywhere else. A browser that asks for the very root of the server is
// shown to the pages.
func beside(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case strings.HasPrefix(path, dashboard.Root) && (len(path) == len(dashboard.Root) || path[len(dashboard.Root)] == '/'):
			pages.ServeHTTP(w, r)
		case path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, dashboard.Root, http.StatusSeeOther)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// tellDashboard says where the dashboard is. At the first start of all it makes the one link that signs in without the key, and shows it on
// the terminal and nowhere else: what goes to a file or a collector of logs holds no credential (R61).
func (p *program) tellDashboard(ctx context.Context, c settings, s *service, addr net.Addr) error {
	if !bool(c.Dashboard) || !p.terminal {
		return nil
	}
	base := c.Issuer
	if !strings.HasPrefix(base, "https:") {
		base = "http://" + config.Reachable(addr.String())
	}
	if !s.firstStart {
		_, err := fmt.Fprintf(p.err, "dualmint: dashboard: %s%s (sign in with the instance secret key)\n", base, dashboard.Root)
		return err
	}
	link, err := s.sessions.MakeLink(ctx)
	if err != nil {
		return err
	}
	query := url.Values{"link": {link.Reveal()}}
	_, err = fmt.Fprintf(p.err, "dualmint: first start: open the dashboard with this link within ten minutes; it works once:\n  %s%s?%s\n", base, dashboard.FirstSignIn, query.Encode())
	return err
}

// isTerminal tells whether people read what is written there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
