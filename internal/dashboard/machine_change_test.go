package dashboard

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const editPath = machinesPath + "/" + orders + "/edit"

// filled gives the form of that page as a browser would send it: its hidden and text fields, and what is checked or selected.
func (w *world) filled() url.Values {
	w.t.Helper()
	body := w.send(http.MethodGet, editPath, nil, signedIn).Body.String()
	out := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="(had_\w+)" value="([^"]*)">`).FindAllStringSubmatch(body, -1) {
		out.Set(m[1], m[2])
	}
	for name, pattern := range map[string]string{
		"name": `name="name" type="text" value="([^"]*)"`, "amount": `name="amount" type="number"[^>]* value="([^"]*)"`,
		"format": `name="format" value="([^"]*)" checked`, "unit": `<option value="([^"]*)" selected`, "endless": `name="endless" value="(on)" checked`,
	} {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(body); m != nil {
			out.Set(name, m[1])
		}
	}
	return out
}

// undone gives the fields of the form that takes the last change back.
func (w *world) undone() url.Values {
	w.t.Helper()
	var n notice
	if err := json.Unmarshal([]byte(w.sessions.notice), &n); err != nil || n.Undo == nil {
		w.t.Fatalf("the notice cannot be undone: %v %s", err, w.sessions.notice)
	}
	out := url.Values{}
	for _, f := range n.Undo.Fields {
		out.Set(f.Name, f.Value)
	}
	return out
}

// What somebody else changed since the page was made, or since the change that is taken back, stays.
func TestAMachineIsChangedByTheDifference(t *testing.T) {
	for name, c := range map[string]struct {
		typed url.Values
		want  m2m.Machine
	}{
		"its name":     {url.Values{"name": {"sales"}}, m2m.Machine{Name: "sales", DefaultFormat: m2m.JWT, DefaultTTL: time.Minute}},
		"its format":   {url.Values{"format": {"jwt"}}, m2m.Machine{Name: "theirs", DefaultFormat: m2m.JWT, DefaultTTL: time.Minute}},
		"its lifetime": {url.Values{"amount": {"2"}}, m2m.Machine{Name: "theirs", DefaultFormat: m2m.JWT, DefaultTTL: 2 * time.Hour}},
		"its end":      {url.Values{"endless": {"on"}}, m2m.Machine{Name: "theirs", DefaultFormat: m2m.JWT, Endless: true}},
		"nothing":      {url.Values{"amount": {"60"}, "unit": {"60"}}, m2m.Machine{Name: "theirs", DefaultFormat: m2m.JWT, DefaultTTL: time.Minute}},
	} {
		w := newWorld(t, local)
		form := w.filled()
		maps.Copy(form, c.typed)
		m := &w.machines.machine.Machine
		m.Name, m.DefaultFormat, m.DefaultTTL = "theirs", m2m.JWT, time.Minute // meanwhile
		if out := w.send(http.MethodPost, editPath, form, signedIn); out.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", name, out.Code)
		}
		if m.Name != c.want.Name || m.DefaultFormat != c.want.DefaultFormat || lifetimeOf(*m) != lifetimeOf(c.want) {
			t.Errorf("%s was changed: the machine is %q, %s, %s", name, m.Name, m.DefaultFormat, lifetimeOf(*m))
		}
		if name == "nothing" && len(w.machines.patches) != 0 {
			t.Error("a form that changes nothing changed the machine")
		}
	}
}

func TestAChangeIsTakenBackAndNothingElse(t *testing.T) {
	w := newWorld(t, local)
	m := &w.machines.machine.Machine
	form := w.filled()
	form.Set("name", "sales")
	w.send(http.MethodPost, editPath, form, signedIn)
	m.DefaultFormat, m.Endless = m2m.JWT, true // meanwhile
	if out := w.send(http.MethodPost, editPath, w.undone(), signedIn); out.Code != http.StatusSeeOther || m.Name != "orders" || m.DefaultFormat != m2m.JWT || !m.Endless {
		t.Errorf("%d: %q, %s, %s", out.Code, m.Name, m.DefaultFormat, lifetimeOf(*m))
	}
	form = w.filled()
	form.Del("endless")
	form.Set("amount", "90")
	form.Set("unit", "60")
	w.send(http.MethodPost, editPath, form, signedIn)
	m.Name = "theirs"
	if out := w.send(http.MethodPost, editPath, w.undone(), signedIn); out.Code != http.StatusSeeOther || m.Name != "theirs" || !m.Endless {
		t.Errorf("%d: %q, %s", out.Code, m.Name, lifetimeOf(*m))
	}
}

// A refused form still says what its reader saw.
func TestARefusedChangeRemembersWhatThePageShowed(t *testing.T) {
	w := newWorld(t, local)
	form := w.filled()
	form.Set("amount", "x")
	w.machines.machine.Name = "theirs"
	out := w.send(http.MethodPost, editPath, form, signedIn)
	if had := regexp.MustCompile(`name="had_name" value="([^"]*)"`).FindStringSubmatch(out.Body.String()); out.Code != http.StatusUnprocessableEntity || had == nil || had[1] != "orders" {
		t.Errorf("%d: %q", out.Code, had)
	}
}

// A secret that still works beside the current one is not a secret that nobody knows of.
func TestThePageSaysUntilWhenTheSecretBeforeWorks(t *testing.T) {
	w := newWorld(t, local)
	if page := get(t, w, "/machines/"+orders); strings.Contains(page, "Secret before") {
		t.Error(page)
	}
	w.machines.previous = w.now.Add(time.Hour)
	if page := get(t, w, "/machines/"+orders); !strings.Contains(page, "Secret before the last rotation") || !strings.Contains(page, "2026-05-01 13:00 UTC") {
		t.Error(page)
	}
}
