package dashboard

import (
	"net/http"
	"time"
)

// Themes: the browser's own, or the one chosen here.
const (
	themeCookie = "dualmint-theme"
	themeYears  = 365 * 24 * time.Hour
)

func (d *dashboard) themeRoutes(r routes) {
	r.open(http.MethodPost, "/theme", d.setTheme)
}

// setTheme remembers the choice in a cookie that says nothing else.
func (d *dashboard) setTheme(x *exchange) error {
	f, err := x.form("theme", "back")
	if err != nil {
		return err
	}
	c := &http.Cookie{Name: themeCookie, Path: Root, HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteStrictMode, MaxAge: -1} //nolint:gosec // G124: as the session's cookie
	if theme := f.text("theme"); theme == "light" || theme == "dark" {
		c.Value, c.MaxAge = theme, int(themeYears/time.Second)
	}
	http.SetCookie(x.c.Writer, c)
	return x.redirect(d.ours(f.text("back")))
}

// theme is the one chosen, or "auto".
func (x *exchange) theme() string {
	c, err := x.c.Request.Cookie(themeCookie)
	if err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return "auto"
}
