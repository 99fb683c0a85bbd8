package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A form that came after the end of its session is not dropped without a word.
func TestAFormWithoutASessionIsSaidToHaveChangedNothing(t *testing.T) {
	w := newWorld(t, local)
	machine := machinesPath + "/" + orders
	for name, change := range map[string]func(*http.Request){
		"a session that ended": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: plainCookie, Value: "ds_ended"}) },
		"no cookie any more":   func(*http.Request) {},
	} {
		for path, next := range map[string]string{
			Root + "/new-machine": Root + "/new-machine", machine + "/edit": machine + "/edit", machine + "/secret": machine + "/secret",
			Root + "/sign-out-everywhere": Root + "/sign-out-everywhere", Root + "/tokens": Root + "/tokens",
			Root + "/tokens/mt_1/revoke": Root + "/tokens/mt_1/revoke", machine + "/nothing": machine, machine + "/a/b": machine,
			Root + "//evil.example": "", Root + "/nowhere": "",
		} {
			out := w.send(http.MethodPost, path, url.Values{"name": {"n"}}, change)
			to, err := url.Parse(out.Header().Get("Location"))
			if err != nil || out.Code != http.StatusSeeOther || to.Path != signInPath || to.Query().Get("next") != next {
				t.Errorf("%s with %s: %d to %q, want back to %q", path, name, out.Code, to, next)
				continue
			}
			if next == "" {
				continue
			}
			w.now = w.now.Add(time.Minute) // sign-ins are limited
			page := w.send(http.MethodGet, to.String(), nil)
			wrong := w.send(http.MethodPost, signInPath, url.Values{"key": {"sk_wrong"}, "next": {next}, "ended": to.Query()["ended"]})
			for _, body := range []string{page.Body.String(), wrong.Body.String()} {
				if !strings.Contains(body, "Nothing was changed") || !strings.Contains(body, "sent again") {
					t.Errorf("%s with %s: the sign-in page does not say that nothing was changed", path, name)
				}
			}
			if in := w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}, "next": {next}, "ended": to.Query()["ended"]}); in.Header().Get("Location") != next {
				t.Errorf("%s with %s: after the sign-in to %q", path, name, in.Header().Get("Location"))
			}
		}
	}
	if out := w.send(http.MethodPost, Root+"/sign-out", url.Values{}); strings.Contains(out.Header().Get("Location"), "ended") {
		t.Errorf("signing out without a session: to %q", out.Header().Get("Location"))
	}
}
