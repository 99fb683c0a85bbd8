package dashboard

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Nobody is sent to another host.
func TestOnlyPathsOfOursAreReturnedTo(t *testing.T) {
	w := newWorld(t, local)
	for path, want := range map[string]string{
		Root: Root, Root + "/machines?q=a%20b": Root + "/machines?q=a%20b", Root + "/x": Root, Root + "/theme": Root, Root + "/sign-out": Root, signInPath: signInPath,
		Root + "/machines//edit": Root, Root + "/machines/mch_1/edit": Root + "/machines/mch_1/edit", Root + "/usage?month=2026-05": Root + "/usage?month=2026-05",
		"": Root, "/": Root, "/v1/machines": Root, "//evil.example/dashboard": Root, "https://evil.example/dashboard": Root, "/dashboardx": Root,
		"/dashboard\\evil": Root, "/\\evil.example": Root, "javascript:alert(1)": Root, "/dashboard/%zz": Root, "/dashboard/\r\nSet-Cookie: a=b": Root,
		"/dashboard/../v1/machines": Root, "http:/dashboard": Root,
	} {
		w.now = w.now.Add(time.Minute) // sign-ins are limited
		for name, out := range map[string]*httptest.ResponseRecorder{
			"the sign-in":       w.send(http.MethodPost, signInPath, url.Values{"key": {goodKey.Reveal()}, "next": {path}}),
			"the sign-in again": w.send(http.MethodGet, signInPath+"?next="+url.QueryEscape(path), nil, signedIn),
			"the theme":         w.send(http.MethodPost, Root+"/theme", url.Values{"theme": {"dark"}, "back": {path}}),
		} {
			if got := out.Header().Get("Location"); got != want {
				t.Errorf("%s leads from %q to %q, want %q", name, path, got, want)
			}
		}
	}
}

func TestNumbersAndSpans(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for at, want := range map[time.Duration]string{
		0: "just now", -time.Second: "1 second ago", -90 * time.Second: "1 minute ago", 48 * time.Hour: "in 2 days", -400 * 24 * time.Hour: "1 year ago",
	} {
		if got := distance(now.Add(at), now); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", math.MaxInt64: "9,223,372,036,854,775,807"} {
		if got := number(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 seconds", time.Hour: "1 hour", 26*time.Hour + 5*time.Second: "1 day 2 hours 5 seconds"} {
		if got := exactly(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// The form of a machine says the lifetime that the machine has.
func TestALifetimeSurvivesItsForm(t *testing.T) {
	for _, d := range []time.Duration{time.Second, 59 * time.Second, time.Minute, 90 * time.Minute, time.Hour, 24 * time.Hour, m2m.MaxTTL} {
		f := emptyForm()
		f.writeLifetime(m2m.Machine{DefaultTTL: d})
		if got := f.readLifetime(); got == nil || got.Endless || got.Seconds != int64(d/time.Second) {
			t.Errorf("%v became %+v", d, got)
		}
	}
	f := emptyForm()
	f.writeLifetime(m2m.Machine{Endless: true})
	if got := f.readLifetime(); got == nil || !got.Endless {
		t.Errorf("no end became %+v", got)
	}
}
