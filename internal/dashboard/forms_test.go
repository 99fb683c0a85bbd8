package dashboard

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// R13, R53, R56
func TestFormsAreReadStrictly(t *testing.T) {
	w := newWorld(t, local)
	path := machinesPath + "/" + orders + "/edit"
	good := url.Values{"name": {"n"}, "format": {"jwt"}, "amount": {"5"}, "unit": {"60"}}
	with := func(name, value string) url.Values {
		out := url.Values{}
		maps.Copy(out, good)
		out.Set(name, value)
		return out
	}
	for name, c := range map[string]struct {
		form   url.Values
		change func(*http.Request)
		want   int
	}{
		"as the page sends it": {good, func(*http.Request) {}, http.StatusSeeOther},
		"one field more":       {with("id", "x"), func(*http.Request) {}, http.StatusBadRequest},
		"a NUL":                {with("name", "a\x00"), func(*http.Request) {}, http.StatusBadRequest},
		"not UTF-8":            {with("name", "a\xff"), func(*http.Request) {}, http.StatusBadRequest},
		"too much":             {with("name", strings.Repeat("a", maxForm)), func(*http.Request) {}, http.StatusRequestEntityTooLarge},
		"JSON":                 {good, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, http.StatusUnsupportedMediaType},
		"multipart":            {good, func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, http.StatusUnsupportedMediaType},
		"no type":              {good, func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
	} {
		w.machines.patches = nil
		if out := w.send(http.MethodPost, path, c.form, signedIn, c.change); out.Code != c.want || (len(w.machines.patches) == 1) != (c.want == http.StatusSeeOther) {
			t.Errorf("%s: %d, want %d", name, out.Code, c.want)
		}
	}
}

func TestARefusedFormKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t, local)
	w.machines.refuses = &m2m.FieldError{Field: "name", Reason: m2m.TooLong, Message: "must have at most 255 characters"}
	typed := `a "name" <b> & more`
	out := w.send(http.MethodPost, Root+"/new-machine", url.Values{"name": {typed}, "format": {"jwt"}, "amount": {"7"}, "unit": {"86400"}, "endless": {"on"}}, signedIn)
	body := out.Body.String()
	if out.Code != http.StatusUnprocessableEntity || !strings.Contains(body, "Must have at most 255 characters.") {
		t.Fatalf("%d %s", out.Code, body)
	}
	for _, want := range []string{
		`value="` + html.EscapeString(typed) + `"`, `value="jwt" checked`, `value="7"`, `value="86400" selected`, `name="endless" value="on" checked`, `aria-invalid="true"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s on the page", want)
		}
	}
}

func TestBadLifetimesAreRefusedBesideTheirField(t *testing.T) {
	w := newWorld(t, local)
	for _, amount := range []string{"", "0", "-1", "1.5", "1e3", "x", "9223372036854775807", "99999999999999999999"} {
		out := w.send(http.MethodPost, Root+"/new-machine", url.Values{"name": {"n"}, "format": {"jwt"}, "amount": {amount}, "unit": {"60"}}, signedIn)
		if out.Code != http.StatusUnprocessableEntity || len(w.machines.created) != 0 || !strings.Contains(out.Body.String(), `id="amount-fault"`) {
			t.Errorf("%q: %d", amount, out.Code)
		}
	}
}

// What somebody else changed since the page was made stays.
func TestScopesAreChangedByTheDifference(t *testing.T) {
	w := newWorld(t, local)
	out := w.send(http.MethodPost, machinesPath+"/"+orders+"/scopes", url.Values{"had": {"mch_a", "mch_b"}, "scope": {"mch_b", "mch_c"}}, signedIn)
	if out.Code != http.StatusSeeOther || !slices.Equal(w.machines.add, []string{"mch_c"}) || !slices.Equal(w.machines.remove, []string{"mch_a"}) {
		t.Errorf("%d: added %v, removed %v", out.Code, w.machines.add, w.machines.remove)
	}
	for _, want := range []string{`"label":"Change it back"`, `{"name":"had","value":"mch_c"}`, `{"name":"scope","value":"mch_a"}`} {
		if !strings.Contains(w.sessions.notice, want) {
			t.Errorf("the notice has no %s: %s", want, w.sessions.notice)
		}
	}
}

func TestDeletingAsksForTheName(t *testing.T) {
	w := newWorld(t, local)
	path := machinesPath + "/" + orders + "/delete"
	for _, typed := range []string{"", "order", "Orders", "orders!"} {
		if out := w.send(http.MethodPost, path, url.Values{"name": {typed}}, signedIn); out.Code != http.StatusUnprocessableEntity || w.machines.deleted != 0 {
			t.Errorf("%q: %d", typed, out.Code)
		}
	}
	if out := w.send(http.MethodPost, path, url.Values{"name": {"orders"}}, signedIn); out.Code != http.StatusSeeOther || w.machines.deleted != 1 {
		t.Errorf("the name: %d", out.Code)
	}
}

// R50: a secret is in the answer to the POST that asked for it. Nothing that a browser does by itself asks for one.
func TestASecretIsShownToAPostAlone(t *testing.T) {
	w := newWorld(t, local)
	path := machinesPath + "/" + orders + "/secret"
	out := w.send(http.MethodPost, path, url.Values{}, signedIn)
	if out.Code != http.StatusOK || !strings.Contains(out.Body.String(), aSecret.Reveal()) || out.Header().Get("Cache-Control") != "no-store" || w.machines.views != 1 {
		t.Errorf("%d, %d views", out.Code, w.machines.views)
	}
	for _, p := range []string{path, machinesPath + "/" + orders, machinesPath} {
		if out := w.send(http.MethodGet, p, nil, signedIn); strings.Contains(out.Body.String(), aSecret.Reveal()) || w.machines.views != 1 {
			t.Errorf("GET %s shows it", p)
		}
	}
	if strings.Contains(w.log.String(), aSecret.Reveal()) {
		t.Error("the log shows it")
	}
}

// R20
func TestOverlapsAreThoseOfThePage(t *testing.T) {
	w := newWorld(t, local)
	path := machinesPath + "/" + orders + "/rotate"
	for _, overlap := range []string{"", "1", "-1", "28801", "x"} {
		if out := w.send(http.MethodPost, path, url.Values{"overlap": {overlap}}, signedIn); out.Code != http.StatusUnprocessableEntity || len(w.machines.overlaps) != 0 {
			t.Errorf("%q: %d", overlap, out.Code)
		}
	}
	for i, overlap := range []string{"0", "28800"} {
		mark := "mark" + strconv.Itoa(i)
		if page := get(t, w, strings.TrimPrefix(path, Root)); !strings.Contains(page, `name="present" value="`+mark+`"`) {
			t.Errorf("%q: the page does not say which secret is current", overlap)
		}
		form := url.Values{"overlap": {overlap}, "present": {mark}}
		if out := w.send(http.MethodPost, path, form, signedIn); out.Code != http.StatusOK {
			t.Errorf("%q: %d", overlap, out.Code)
		}
		// The page that shows the secret is reloaded.
		if out := w.send(http.MethodPost, path, form, signedIn); out.Code != http.StatusSeeOther || strings.Contains(out.Body.String(), aSecret.Reveal()) {
			t.Errorf("%q: again: %d", overlap, out.Code)
		}
	}
	if !slices.Equal(w.machines.overlaps, []time.Duration{0, 8 * time.Hour}) {
		t.Errorf("rotated with %v", w.machines.overlaps)
	}
}

// A notice is shown once.
func TestANoticeIsShownOnce(t *testing.T) {
	w := newWorld(t, local)
	w.send(http.MethodPost, machinesPath+"/"+orders+"/edit", url.Values{"name": {"<i>new</i>"}, "format": {"opaque"}, "amount": {"1"}, "unit": {"3600"}}, signedIn)
	first, second := w.send(http.MethodGet, machinesPath, nil, signedIn), w.send(http.MethodGet, machinesPath, nil, signedIn)
	if !strings.Contains(first.Body.String(), "its name was “orders”") || strings.Contains(first.Body.String(), "<i>new</i>") || strings.Contains(second.Body.String(), "its name was") {
		t.Errorf("first %t, second %t", strings.Contains(first.Body.String(), "its name was"), strings.Contains(second.Body.String(), "its name was"))
	}
	if !strings.Contains(first.Body.String(), `<input type="hidden" name="name" value="orders">`) {
		t.Error("it cannot be changed back")
	}
}
