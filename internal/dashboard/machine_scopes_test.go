package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

const scopesPath = machinesPath + "/" + orders + "/scopes"

// manyScopes gives the machine of this world 150 scopes, and their ids.
func (w *world) manyScopes() []string {
	ids := make([]string, m2m.MaxScopes)
	w.figures.ends = map[m2m.MachineID]machines.End{}
	for i := range ids {
		id := m2m.MachineID(fmt.Sprintf("mch_%027d", i+10))
		ids[i] = string(id)
		w.machines.machine.Scopes = append(w.machines.machine.Scopes, id)
		w.figures.ends[id] = machines.End{ID: id, Name: fmt.Sprintf("receiver %03d", i)}
	}
	return ids
}

// The page of many scopes reads their names in one query.
func TestManyScopesAreReadAtOnce(t *testing.T) {
	w := newWorld(t, local)
	w.manyScopes()
	out := w.send(http.MethodGet, scopesPath, nil, signedIn)
	if n := strings.Count(out.Body.String(), `name="scope"`); n != m2m.MaxScopes || strings.Count(out.Body.String(), " checked>") != n {
		t.Errorf("%d: %d choices", out.Code, n)
	}
	if w.machines.gets > 1 || w.figures.asks > 1 {
		t.Errorf("%d machines were read one by one, and names %d times", w.machines.gets, w.figures.asks)
	}
}

// I6: a database that does not answer takes no choice away. What the page does not show as chosen, the next Save removes.
func TestTroubleTakesNoScopeAway(t *testing.T) {
	w := newWorld(t, local)
	ids := w.manyScopes()
	w.figures.noEnds = m2m.ErrBusy
	for name, send := range map[string]func() int{
		"the page": func() int { return w.send(http.MethodGet, scopesPath, nil, signedIn).Code },
		"the search": func() int {
			return w.send(http.MethodPost, scopesPath, url.Values{"scope": ids, "had": ids, "search": {"1"}}, signedIn).Code
		},
	} {
		if code := send(); code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", name, code)
		}
	}
}

// A machine that is no more is no choice, and what is no id asks for no name.
func TestWhatWasDeletedIsNoChoice(t *testing.T) {
	w := newWorld(t, local)
	ids := w.manyScopes()
	w.figures.ends[m2m.MachineID(ids[0])] = machines.End{ID: m2m.MachineID(ids[0]), Name: "receiver 000", Deleted: true}
	delete(w.figures.ends, m2m.MachineID(ids[1]))
	out := w.send(http.MethodPost, scopesPath, url.Values{"scope": append(ids, "mch_x", "\u2028"), "search": {"1"}}, signedIn)
	if body := out.Body.String(); out.Code != http.StatusOK || strings.Count(body, `name="scope"`) != len(ids)-2 || strings.Contains(body, "receiver 000") {
		t.Errorf("%d: %d choices", out.Code, strings.Count(body, `name="scope"`))
	}
}
