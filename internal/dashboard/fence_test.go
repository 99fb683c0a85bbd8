package dashboard

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/dualmint/dualmint/internal/m2m"
)

const local = "http://127.0.0.1:8080"

// everyRoute gives method and an address for each route.
func (w *world) everyRoute() [][2]string {
	w.t.Helper()
	engine, ok := w.handler.(*gin.Engine)
	if !ok {
		w.t.Fatal("the handler is no engine")
	}
	var out [][2]string
	for _, r := range engine.Routes() {
		out = append(out, [2]string{r.Method, strings.NewReplacer(":id", orders, ":name", "nothing").Replace(r.Path)})
	}
	if len(out) < 25 {
		w.t.Fatalf("only %d routes", len(out))
	}
	return out
}

// openPaths need no session. Whoever adds one here says so to the reviewer.
func openPaths() []string {
	return []string{Root + "/", Root + "/sign-in", Root + "/first-sign-in", Root + "/theme", Root + "/assets/nothing"}
}

// R46: who has no session is sent to sign in, whatever they ask and however they prove to be somebody else (R21).
func TestEveryPageAndEveryChangeNeedsASession(t *testing.T) {
	w := newWorld(t, local)
	for name, change := range map[string]func(*http.Request){
		"nothing":       func(*http.Request) {},
		"a bearer":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+goodKey.Reveal()) },
		"an unknown id": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: plainCookie, Value: "ds_other"}) },
		"two cookies": func(r *http.Request) {
			signedIn(r)
			r.AddCookie(&http.Cookie{Name: plainCookie, Value: "ds_other"})
		},
		"the id under the name for HTTPS": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: secureCookie, Value: goodID.Reveal()}) },
	} {
		for _, route := range w.everyRoute() {
			if slices.Contains(openPaths(), route[1]) {
				continue
			}
			out := w.send(route[0], route[1], url.Values{}, change)
			if out.Code != http.StatusSeeOther || !strings.HasPrefix(out.Header().Get("Location"), signInPath) {
				t.Errorf("%s %s with %s: %d to %q", route[0], route[1], name, out.Code, out.Header().Get("Location"))
			}
		}
	}
	if w.machines.deleted+len(w.machines.created)+w.machines.views+w.sessions.ended > 0 {
		t.Error("something was done without a session")
	}
}

// R47
func TestChangesFromElsewhereAreRefused(t *testing.T) {
	w := newWorld(t, local)
	for name, headers := range map[string]map[string]string{
		"cross-site": {"Sec-Fetch-Site": "cross-site", "Origin": local}, "same-site": {"Sec-Fetch-Site": "same-site"},
		"null": {"Origin": "null"}, "another host": {"Origin": "https://evil.example"}, "another port": {"Origin": "http://127.0.0.1:8081"},
	} {
		for _, route := range w.everyRoute() {
			if route[0] != http.MethodPost {
				continue
			}
			out := w.send(route[0], route[1], url.Values{}, signedIn, func(r *http.Request) {
				for k, v := range headers {
					r.Header.Set(k, v)
				}
			})
			if out.Code != http.StatusForbidden || out.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: %d", route[1], name, out.Code)
			}
		}
	}
	for name, headers := range map[string]map[string]string{"same-origin": {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, "old browser": {"Origin": local}, "typed": {"Sec-Fetch-Site": "none"}} {
		out := w.send(http.MethodPost, Root+"/sign-out", url.Values{}, signedIn, func(r *http.Request) {
			for k, v := range headers {
				r.Header.Set(k, v)
			}
		})
		if out.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", name, out.Code)
		}
	}
}

// R48: every answer is fenced in, refusals and assets too; no page is kept anywhere.
func TestEveryAnswerIsFencedIn(t *testing.T) {
	w := newWorld(t, "https://tokens.example")
	css := ""
	for _, a := range []string{Root + "/sign-in", Root + "/machines", Root + "/nowhere", Root + "/assets/nothing"} {
		out := w.send(http.MethodGet, a, nil)
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := out.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", a, name, got)
			}
		}
		if i := strings.Index(out.Body.String(), Root+"/assets/dashboard-"); i >= 0 && css == "" {
			css = out.Body.String()[i:]
			css = css[:strings.IndexByte(css, '"')]
		}
	}
	out := w.send(http.MethodGet, css, nil)
	if out.Code != http.StatusOK || !strings.Contains(out.Header().Get("Cache-Control"), "immutable") || out.Header().Get("Content-Security-Policy") != policy {
		t.Errorf("%s: %d %v", css, out.Code, out.Header())
	}
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy has no %s", part)
		}
	}
}

// R46: over HTTPS the cookie is one that only this host can set and only HTTPS carries.
func TestTheCookieIsOutOfReach(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://tokens.example": secureCookie + "=ds_good; Path=/; HttpOnly; Secure; SameSite=Strict",
		local:                    plainCookie + "=ds_good; Path=/; HttpOnly; SameSite=Strict",
	} {
		w := newWorld(t, issuer)
		out := w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}, "next": {Root + "/usage"}})
		if got := out.Header().Get("Set-Cookie"); got != want || out.Header().Get("Location") != Root+"/usage" {
			t.Errorf("%s: %q to %q", issuer, got, out.Header().Get("Location"))
		}
	}
	w := newWorld(t, local)
	w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}}, signedIn)
	if len(w.sessions.previous) != 1 || w.sessions.previous[0] != goodID { // it ends
		t.Error("the session before was not named")
	}
	if out := w.send(http.MethodPost, Root+"/sign-out", url.Values{}, signedIn); !strings.Contains(out.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("after sign-out: %q", out.Header().Get("Set-Cookie"))
	}
}

// The key is not sent where it can be read on its way.
func TestTheKeyIsNotTakenOverAnOpenNetwork(t *testing.T) {
	for host, safe := range map[string]bool{
		"127.0.0.1:8080": true, "localhost": true, "[::1]:8080": true, "a.localhost:1": true,
		"10.0.0.7:8080": false, "tokens.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example:80": false, "": false,
	} {
		w := newWorld(t, "http://tokens.internal:8080")
		out := w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}}, func(r *http.Request) { r.Host = host })
		if (out.Code == http.StatusSeeOther) != safe || (w.sessions.signIns == 1) != safe {
			t.Errorf("%q: %d", host, out.Code)
		}
	}
}

// Where HTTPS ends before the server, the key is taken at the issuer's name, on the machine itself, and from a proxy that is trusted.
func TestTheKeyIsTakenAtTheNameOfTheIssuer(t *testing.T) {
	for _, c := range []struct {
		host, from string
		safe       bool
	}{
		{"tokens.example", "203.0.113.9:1", true},
		{"Tokens.Example:443", "203.0.113.9:1", true},
		{"127.0.0.1:8080", "127.0.0.1:1", true},
		{"10.0.0.5:8080", "203.0.113.9:1", false},
		{"tokens.example:8080", "203.0.113.9:1", false},
		{"tokens.example.evil", "203.0.113.9:1", false},
		{"dualmint:8080", "10.9.9.9:1", true},
		{"dualmint:8080", "10.8.9.9:1", false},
		{"dualmint:8080", "", false},
	} {
		w := newWorld(t, "https://tokens.example", func(d *Deps) { d.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
		out := w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}}, func(r *http.Request) { r.Host, r.RemoteAddr = c.host, c.from })
		if (out.Code == http.StatusSeeOther) != c.safe || (w.sessions.signIns == 1) != c.safe {
			t.Errorf("%q from %q: %d", c.host, c.from, out.Code)
		}
		if !c.safe && !strings.Contains(out.Body.String(), `href="https://tokens.example/dashboard"`) {
			t.Errorf("%q: it does not say where it is taken", c.host)
		}
	}
}

// R57
func TestSignInsHaveALimitOfTheirOwn(t *testing.T) {
	w := newWorld(t, local)
	from := func(address string) int {
		return w.send(http.MethodPost, signInPath, url.Values{"key": {"sk_guess"}}, func(r *http.Request) { r.RemoteAddr = address }).Code
	}
	for n := range signInsAtOnce {
		if code := from("192.0.2.1:1"); code != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", n, code)
		}
	}
	out := w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}}, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:2" })
	if out.Code != http.StatusTooManyRequests || out.Header().Get("Retry-After") != "6" || w.sessions.signIns != signInsAtOnce || w.sessions.away != 1 {
		t.Errorf("one more: %d, after %q", out.Code, out.Header().Get("Retry-After"))
	}
	if code := from("192.0.2.2:1"); code != http.StatusUnauthorized {
		t.Errorf("another address: %d", code)
	}
	for range signInsAtOnce {
		from("[2001:db8::1]:1")
	}
	if code := from("[2001:db8::2]:1"); code != http.StatusTooManyRequests {
		t.Errorf("the same network: %d", code)
	}
}

// R12, I6: trouble is neither a page nor a sign-in, and tells nothing. R61: nor does the log tell a secret.
func TestTroubleTellsNothing(t *testing.T) {
	w := newWorld(t, local)
	w.sessions.err = errors.Join(m2m.ErrUnavailable, errors.New("at db.internal with "+goodKey.Reveal()+"0123456789abcdef"))
	out := w.send(http.MethodGet, Root+"/machines", nil, signedIn)
	if out.Code != http.StatusServiceUnavailable || out.Header().Get("Retry-After") == "" || strings.Contains(out.Body.String(), "db.internal") {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	w.sessions.err = nil
	w.machines.panics = "a " + aSecret.Reveal()
	if out := w.send(http.MethodGet, Root+"/machines", nil, signedIn); out.Code != http.StatusInternalServerError || strings.Contains(out.Body.String(), aSecret.Reveal()) {
		t.Errorf("a panic: %d %s", out.Code, out.Body)
	}
	log := w.log.String()
	if strings.Contains(log, aSecret.Reveal()) || strings.Contains(log, "0123456789abcdef") || !strings.Contains(log, "db.internal") || !strings.Contains(log, "panic: string at") {
		t.Errorf("the log: %s", log)
	}
}
