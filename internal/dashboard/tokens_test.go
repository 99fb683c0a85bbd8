package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	aToken  = "mt_0123456789abcdef0123456789abcdef"
	billing = "mch_0ujsswThIGTUYm2K8FjOOfXtY1B"
)

// livingJWT is a JWT of orders that was made with one scope, which its machine has at this moment or not.
func livingJWT(now bool) *tokens.Sight {
	s := &tokens.Sight{MachineName: "orders", MachineLives: true, Record: m2m.Record{
		Grant: m2m.Grant{ID: aToken, Machine: orders, Scopes: m2m.Scopes{billing}}, Format: m2m.JWT, KeyID: kidActive,
	}}
	if now {
		s.ScopesNow = s.Scopes
	}
	return s
}

func (w *world) paste() string {
	w.t.Helper()
	out := w.send(http.MethodPost, Root+"/tokens", url.Values{"token": {"a.b.c"}}, signedIn)
	if out.Code != http.StatusOK {
		w.t.Fatalf("%d %s", out.Code, out.Body)
	}
	return out.Body.String()
}

// The inspector's word is that of an online check from the receivers that the scope rule lets have the token.
func TestATokenThatNoMachineAcceptsIsNotGood(t *testing.T) {
	const good, bad = `<h2 id="verdict">Good</h2>`, `<h2 id="verdict">Not good</h2>`
	silent := livingJWT(true)
	silent.Scopes, silent.ScopesNow = nil, nil
	for name, c := range map[string]struct {
		rule  m2m.ScopeRule
		sight *tokens.Sight
		want  string
		why   string
	}{
		"has its scope":          {m2m.Live, livingJWT(true), good, "from the machines below"},
		"its scope was taken":    {m2m.Live, livingJWT(false), bad, "has been taken from its machine since"},
		"taken, by the snapshot": {m2m.Snapshot, livingJWT(false), good, "from the machines below"},
		"made without scopes":    {m2m.Live, silent, bad, "it was made without scopes"},
	} {
		w := newWorld(t, local, func(d *Deps) { d.Rule = c.rule })
		w.tokens.sight = c.sight
		page := w.paste()
		if !strings.Contains(page, c.want) || !strings.Contains(page, c.why) || strings.Count(page, "his server accepts it") != strings.Count(c.want, ">Good") {
			t.Errorf("%s: %s", name, page)
		}
		if refusedThere := strings.Contains(page, "refused there now"); refusedThere != (name == "its scope was taken") {
			t.Errorf("%s: refused there now: %t", name, refusedThere)
		}
	}
}

func TestAJWTOfAKeyThatIsOutOfUseIsToldWhatBecameOfIt(t *testing.T) {
	w := newWorld(t, local)
	w.figures.ring = ring(w.now, w.now)
	w.figures.ring.Keys = append(w.figures.ring.Keys, keys.Forecast{Key: keys.Key{ID: "gone", State: keys.Removed}},
		keys.Forecast{Key: keys.Key{ID: "stolen", State: keys.Compromised, CompromisedAt: w.now}})
	w.tokens.refused = "key"
	for kid, want := range map[string]string{"stolen": "compromised at " + moment(w.now), "gone": "was removed", "other": "of another issuer"} {
		w.tokens.header = `{"kid":"` + kid + `"}`
		if page := w.paste(); !strings.Contains(page, want) || !strings.Contains(page, "whether it was signed was not checked") || strings.Contains(page, "nobody has signed") {
			t.Errorf("%s: %s", kid, page)
		}
	}
}

func TestTheListOfTokensKnowsCompromisedKeys(t *testing.T) {
	w := newWorld(t, local)
	w.tokens.sight = livingJWT(true)
	path := "/machines/" + orders + "/tokens"
	if page := get(t, w, path); !strings.Contains(page, ">living</span>") {
		t.Error("a living one is not")
	}
	w.tokens.compromised = []m2m.KeyID{kidActive}
	if page := get(t, w, path); strings.Contains(page, ">living</span>") || !strings.Contains(page, "key compromised") {
		t.Error("a JWT of a compromised key lives")
	}
}

func TestRevokingTwiceTellsWhatTheFirstTimeSaid(t *testing.T) {
	w := newWorld(t, local)
	w.tokens.sight = livingJWT(true)
	again := func() string {
		out := w.send(http.MethodPost, Root+"/tokens/"+aToken+"/revoke", url.Values{"reason": {"the second"}}, signedIn)
		if out.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", out.Code, out.Body)
		}
		return w.sessions.notice
	}
	if said := again(); !strings.Contains(said, "is revoked") || w.tokens.revoked != 1 {
		t.Errorf("%d: %s", w.tokens.revoked, said)
	}
	w.tokens.sight.RevokedAt, w.tokens.sight.RevocationReason = w.now.Add(-time.Hour), new("the first")
	if said := again(); !strings.Contains(said, "revoked already, at "+moment(w.now.Add(-time.Hour))) || !strings.Contains(said, "the first") || w.tokens.revoked != 1 {
		t.Errorf("%d: %s", w.tokens.revoked, said)
	}
}

// The page that shows a token shows it nowhere else, so nothing on it leads away unasked: the switch of colours would.
func TestTheSwitchOfColoursDoesNotLeaveATokenThatIsShownOnce(t *testing.T) {
	w := newWorld(t, local)
	const theSwitch = `action="` + Root + `/theme"`
	path := machinesPath + "/" + orders + "/new-token"
	if before := w.send(http.MethodGet, path, nil, signedIn); !strings.Contains(before.Body.String(), theSwitch) {
		t.Errorf("%d: no switch on the form", before.Code)
	}
	made := w.send(http.MethodPost, path, url.Values{"format": {"opaque"}}, signedIn)
	if made.Code != http.StatusOK || !strings.Contains(made.Body.String(), "Shown this once") || strings.Contains(made.Body.String(), theSwitch) {
		t.Errorf("%d: %s", made.Code, made.Body)
	}
}

// What a change of scopes does to tokens that exist depends on the rule of the server.
func TestTheNoticeOfAChangeOfScopesFollowsTheRule(t *testing.T) {
	for rule, want := range map[m2m.ScopeRule][2]string{
		m2m.Live:     {"and with living ones that had this scope when they were made", "tokens are refused there at once"},
		m2m.Snapshot: {"with tokens made from now on.", "Those made before stay good there until they end"},
	} {
		w := newWorld(t, local, func(d *Deps) { d.Rule = rule })
		for i, form := range []url.Values{{"scope": {billing}}, {"had": {billing}}} {
			out := w.send(http.MethodPost, machinesPath+"/"+orders+"/scopes", form, signedIn)
			if out.Code != http.StatusSeeOther || !strings.Contains(w.sessions.notice, want[i]) {
				t.Errorf("%s: %d %s", rule, out.Code, w.sessions.notice)
			}
		}
	}
}

// Living tokens are counted while the page waits as far as that goes, and beyond it are as many as were counted last.
func TestManyLivingTokensAreAsManyAsWereCountedLast(t *testing.T) {
	const path = "/machines/" + orders + "/revoke-tokens"
	w := newWorld(t, local)
	of := tokens.Counted{Machine: orders}
	for _, c := range []struct {
		living int
		last   int64 // 0: never
		want   string
	}{
		{9_999, 1_000_003, "It has 9,999 living."},
		{tokens.CountedLiving, 0, "It has 10,000&#43; living."},
		{tokens.CountedLiving, 1_000_003, "It has about 1,000,003 (at 11:59 UTC) living."},
		{tokens.CountedLiving, 9_000, "It has 10,000&#43; living."},
	} {
		delete(w.tally, of)
		if c.last > 0 {
			w.tally[of] = c.last
		}
		w.tokens.living = c.living
		if page := get(t, w, path); !strings.Contains(page, c.want) {
			t.Errorf("%+v: %s", c, page)
		}
	}
	w.figures.ring = ring(w.now, w.now)
	w.tally[tokens.Counted{Key: kidActive}] = 250_000
	if page := get(t, w, "/keys"); !strings.Contains(page, "<strong>about 250,000 (at 11:59 UTC)</strong> living tokens") {
		t.Error(page)
	}
}
