package gateways

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/test/harness"
)

const (
	machineHeader = "dualmint-machine-id"
	scopesHeader  = "dualmint-scopes"
	claimsHeader  = "dualmint-claims"
)

// gateway is one that runs, and what stands around it.
type gateway struct {
	*world
	base string
}

// promises is what every gateway that asks the issuer keeps with the configuration of its page. Each promise has a world of its own.
func promises(t *testing.T, start func(t *testing.T, w *world) (base string)) {
	t.Helper()
	for name, promise := range map[string]func(t *testing.T, g gateway){
		"good tokens pass with their identity":                      passes,
		"the largest identity passes whole":                         passesTheLargest,
		"bad tokens are refused and reach nothing":                  refuses,
		"the client names neither itself nor the receiver":          takesNobodysWord,
		"each request is asked about and billed":                    asksEachTime,
		"an issuer that cannot answer lets nobody pass":             doubtDenies,
		"an issuer that cannot prove its name is not told a secret": knowsTheIssuer,
		"a dead issuer lets nobody pass":                            survivesTheIssuer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			promise(t, gateway{w, start(t, w)})
		})
	}
}

// send makes a request through the gateway with these headers, written as they are: name, value, name, value.
func (g gateway) send(t *testing.T, method, path, body string, headers ...string) harness.Reply {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, g.base+path, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	return g.Send(t, req)
}

// identity fails the test unless the request carries exactly this identity and no credential.
func (g gateway) identity(t *testing.T, got seen, claims string) {
	t.Helper()
	want := map[string][]string{machineHeader: {g.a.ID}, scopesHeader: {g.scopesOf(got)}, claimsHeader: {claims}}
	if diff := cmp.Diff(want, got.named("dualmint-")); diff != "" {
		t.Errorf("%s %s: the identity that the service sees (-want +got):\n%s", got.method, got.uri, diff)
	}
	if len(got.named("authorization")) != 0 {
		t.Errorf("%s %s: the service sees a credential", got.method, got.uri)
	}
}

// scopesOf is the scopes that the service sees if they are those of a in some order, else those of a.
func (g gateway) scopesOf(s seen) string {
	want := g.scopes()
	if got := s.named(scopesHeader)[scopesHeader]; len(got) == 1 {
		if list := strings.Split(got[0], " "); cmp.Equal(slices.Sorted(slices.Values(list)), slices.Sorted(slices.Values(want))) {
			return got[0]
		}
	}
	return strings.Join(want, " ")
}

func passes(t *testing.T, g gateway) {
	for _, format := range []string{"opaque", "jwt"} {
		bearer := "Bearer " + g.mint(t, format, harness.Fields{"order": 42, "näme": "é\"'"}).Token
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			body := ""
			if method == "POST" || method == "PUT" || method == "PATCH" {
				body = strings.Repeat("an order ", 3000)
			}
			const path = "/orders/42%2F?q=a%20b&q=c"
			got := g.send(t, method, path, body, "Authorization", bearer, "Cookie", strings.Repeat("c", 3000)).Want(t, http.StatusOK)
			if method != "HEAD" && string(got.Body) != "served" {
				t.Errorf("%s %s: the answer is %q", format, method, got.Body)
			}
			at := g.service.take()
			if len(at) != 1 || at[0].method != method || at[0].uri != path || at[0].body != body {
				t.Fatalf("%s %s: the service got %d requests, %.200v", format, method, len(at), at)
			}
			g.identity(t, at[0], `{"n\u00e4me":"\u00e9\"'","order":42}`)
		}
		g.send(t, "GET", "/", "", "Authorization", strings.Replace(bearer, "Bearer", "bearer", 1)).Want(t, http.StatusOK) // RFC 9110 section 11.1
		g.service.take()
	}
	token := g.mint(t, "opaque", nil)
	g.send(t, "GET", "/", "", "Authorization", "Bearer "+token.Token).Want(t, http.StatusOK)
	g.identity(t, g.service.take()[0], "null")
}

// 150 scopes (R14), and 4 KiB of claims (R24) whose characters take six times the room in a header.
func passesTheLargest(t *testing.T, g gateway) {
	for range 148 {
		g.Allow(t, g.a, g.NewMachine(t, "one of many"))
	}
	const most = 4000
	text := strings.Repeat("\x7f", most)
	bearer := "Bearer " + g.mint(t, "opaque", harness.Fields{"text": text}).Token
	g.send(t, "GET", "/", "", "Authorization", bearer).Want(t, http.StatusOK)
	at := g.service.take()
	if len(at) != 1 {
		t.Fatalf("the service got %d requests", len(at))
	}
	got := at[0].named("dualmint-")
	if claims := got[claimsHeader]; len(claims) != 1 || claims[0] != `{"text":"`+strings.Repeat(`\u007f`, most)+`"}` {
		t.Errorf("%d claims, not whole", len(claims))
	}
	if scopes := got[scopesHeader]; len(scopes) != 1 || strings.Count(scopes[0], " ") != 149 {
		t.Errorf("scopes are %q", scopes)
	}
}

// R17: whatever is wrong, it is one answer.
func refuses(t *testing.T, g gateway) {
	foreign := g.MachineWith(t, harness.Fields{"name": "for another receiver", "scoped_machines": []string{g.stranger.ID}})
	bad := map[string][]string{
		"no token":              nil,
		"an empty header":       {"Authorization", ""},
		"no scheme":             {"Authorization", g.mint(t, "opaque", nil).Token},
		"another scheme":        {"Authorization", "Basic " + g.mint(t, "opaque", nil).Token},
		"a machine secret":      {"Authorization", "Bearer " + g.a.SecretKey},
		"the receiver's secret": {"Authorization", "Bearer " + g.b.SecretKey},
		"the instance key":      {"Authorization", "Bearer " + g.InstanceKey},
		"a token in the URL":    {"X-Nothing", "here"},
	}
	for _, format := range []string{"opaque", "jwt"} {
		good := g.mint(t, format, nil)
		swap := map[bool]string{true: "B", false: "A"}
		middle := len(good.Token) - 20
		bad[format+" altered"] = []string{"Authorization", "Bearer " + good.Token[:middle] + swap[good.Token[middle] == 'A'] + good.Token[middle+1:]}
		bad[format+" shortened"] = []string{"Authorization", "Bearer " + good.Token[:len(good.Token)-1]}
		bad[format+" twice"] = []string{"Authorization", "Bearer " + good.Token + ", Bearer " + good.Token}
		bad[format+"'s id"] = []string{"Authorization", "Bearer " + good.ID}
		bad[format+" for another receiver"] = []string{"Authorization", "Bearer " +
			g.Mint(t, foreign.SecretKey, harness.Fields{"token_format": format}).Token}
		expired := g.Mint(t, g.a.SecretKey, harness.Fields{"token_format": format, "seconds_until_expiration": 1}).Token
		g.untilRefused(t, expired)
		bad[format+" expired"] = []string{"Authorization", "Bearer " + expired}
		revoked := g.mint(t, format, nil)
		g.send(t, "GET", "/", "", "Authorization", "Bearer "+revoked.Token).Want(t, http.StatusOK) // until now
		g.service.take()
		g.Revoke(t, g.a.SecretKey, revoked.ID).Want(t, http.StatusOK)
		bad[format+" revoked"] = []string{"Authorization", "Bearer " + revoked.Token}
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			path := "/"
			if name == "a token in the URL" {
				path = "/?access_token=" + g.mint(t, "jwt", nil).Token
			}
			got := g.send(t, method, path, "", bad[name]...)
			if challenge := got.Header.Get("WWW-Authenticate"); got.Status != http.StatusUnauthorized || !strings.HasPrefix(challenge, `Bearer realm="dualmint"`) {
				t.Errorf("%s, %s: %d, challenge %q", name, method, got.Status, challenge)
			}
			for header := range got.Header {
				if strings.HasPrefix(strings.ToLower(header), "dualmint-") {
					t.Errorf("%s, %s: the client is shown %s", name, method, header)
				}
			}
		}
	}
	if at := g.service.take(); len(at) != 0 {
		t.Errorf("%d requests reached the service: %v", len(at), at)
	}
}

// untilRefused waits until the issuer refuses a token whose time is running out.
func (g gateway) untilRefused(t *testing.T, token string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); g.Verify(t, g.b.SecretKey, token).Status == http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a token of one second is still good after ten")
		}
	}
}

// A client writes whatever headers it likes; the service must be able to believe those that it reads.
func takesNobodysWord(t *testing.T, g gateway) {
	bearer := []string{"Authorization", "Bearer " + g.mint(t, "opaque", nil).Token}
	for name, forged := range map[string][]string{
		"as it is written":  {"Dualmint-Machine-Id", g.stranger.ID, "Dualmint-Scopes", "all", "Dualmint-Claims", `{"admin":true}`},
		"lower case":        {"dualmint-machine-id", g.stranger.ID, "dualmint-scopes", "all", "dualmint-claims", `{"admin":true}`},
		"twice":             {"Dualmint-Machine-Id", g.a.ID, "Dualmint-Machine-Id", g.stranger.ID},
		"with underscores":  {"Dualmint_Machine_Id", g.stranger.ID, "dualmint_claims", `{"admin":true}`},
		"mixed":             {"Dualmint-Machine_Id", g.stranger.ID, "DUALMINT-SCOPES", "all"},
		"the secret":        {"Dualmint-Machine-Secret", g.stranger.SecretKey},
		"the secret, mixed": {"Dualmint-Machine_Secret", g.stranger.SecretKey, "dualmint_machine_secret", g.stranger.SecretKey},
		"an empty one":      {"Dualmint-Machine-Id", "", "Dualmint-Claims", ""},
		// Headers named here are hop-by-hop: a proxy that drops them after the question would drop the answer.
		"declared hop-by-hop": {"Connection", "Dualmint-Machine-Id, Dualmint-Scopes, Dualmint-Claims, Dualmint-Machine-Secret, Authorization"},
	} {
		g.send(t, "GET", "/", "", append(forged, bearer...)...).Want(t, http.StatusOK)
		at := g.service.take()
		if len(at) != 1 {
			t.Fatalf("%s: the service got %d requests", name, len(at))
		}
		t.Run(name, func(t *testing.T) { g.identity(t, at[0], "null") })
	}
	// A token for somebody else, with that somebody's secret: the client would choose for whom the gateway asks.
	other := g.MachineWith(t, harness.Fields{"name": "for another receiver", "scoped_machines": []string{g.stranger.ID}})
	foreign := "Bearer " + g.Mint(t, other.SecretKey, nil).Token
	for _, header := range []string{"Dualmint-Machine-Secret", "dualmint-machine-secret", "Dualmint_Machine_Secret"} {
		g.send(t, "GET", "/", "", "Authorization", foreign, header, g.stranger.SecretKey).Want(t, http.StatusUnauthorized)
	}
	// Two tokens, one good: which of them counts must not depend on who reads.
	for _, two := range [][]string{{foreign, bearer[1]}, {bearer[1], foreign}} {
		got := g.send(t, "GET", "/", "", "Authorization", two[0], "Authorization", two[1])
		if at := g.service.take(); got.Status == http.StatusOK {
			if len(at) != 1 {
				t.Fatalf("the service got %d requests", len(at))
			}
			g.identity(t, at[0], "null")
		} else if len(at) != 0 {
			t.Errorf("refused with %d, and the service got it", got.Status)
		}
	}
}

// I4: what passes is billed, once each; I5: nothing is remembered.
func asksEachTime(t *testing.T, g gateway) {
	began := time.Now()
	const times = 7
	token := g.mint(t, "opaque", nil)
	for range times {
		g.send(t, "GET", "/", "", "Authorization", "Bearer "+token.Token).Want(t, http.StatusOK)
		g.send(t, "GET", "/", "", "Authorization", "Bearer "+token.Token+"x").Want(t, http.StatusUnauthorized)
	}
	var verified int64
	for _, row := range g.UsageOf(t, g.InstanceKey, began, time.Now()).Data {
		if row.Operation == "verify" && row.Receiver == g.b.ID && row.Machine == g.a.ID {
			verified += row.Billable
		}
	}
	if verified != times || g.front.asked.Load() < 2*times {
		t.Errorf("%d requests passed, %d are billed, %d questions were asked", times, verified, g.front.asked.Load())
	}
}

// I6: "cannot tell now" never reads as good. An issuer in trouble answers in many ways, none of which is a yes.
func doubtDenies(t *testing.T, g gateway) {
	token := "Bearer " + g.mint(t, "opaque", nil).Token
	g.send(t, "GET", "/", "", "Authorization", token).Want(t, http.StatusOK)
	g.service.take()
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Dualmint-Machine-Id", "forged")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}
	}
	for name, instead := range map[string]http.HandlerFunc{
		"500": answer(500), "502": answer(502), "503": answer(503), "429": answer(429), "404": answer(404), "302": answer(302), "304": answer(304),
		"cut":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hung": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		g.front.instead.Store(&instead)
		got := g.send(t, "GET", "/", "", "Authorization", token)
		if got.Status < 300 || (name[0] == '5' || name == "cut" || name == "hung") && got.Status < 500 {
			t.Errorf("the issuer's %s is the client's %d", name, got.Status)
		}
		if got.Status == http.StatusUnauthorized {
			t.Errorf("the issuer's %s reads as a bad token", name)
		}
	}
	if at := g.service.take(); len(at) != 0 {
		t.Errorf("%d requests reached the service", len(at))
	}
	g.front.instead.Store(nil)
	g.recovers(t, token)
}

// recovers waits until a gateway that had given the issuer up asks it again.
func (g gateway) recovers(t *testing.T, bearer string) {
	t.Helper()
	for deadline := time.Now().Add(25 * time.Second); g.send(t, "GET", "/", "", "Authorization", bearer).Status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the issuer is well, and the gateway lets nobody pass")
		}
	}
}

// Whoever stands in the issuer's place without its certificate learns no secret and no token, and its yes is none.
func knowsTheIssuer(t *testing.T, g gateway) {
	token := "Bearer " + g.mint(t, "opaque", nil).Token
	yes := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Dualmint-Machine-Id", "forged") })
	g.front.instead.Store(&yes)
	good := g.front.shown.Load()
	for name, certificate := range g.front.impostors {
		g.front.shown.Store(certificate)
		if got := g.send(t, "GET", "/", "", "Authorization", token); got.Status < 500 {
			t.Errorf("behind an impostor with a certificate %s the client gets %d", name, got.Status)
		}
		if asked := g.front.asked.Load(); asked != 0 {
			t.Errorf("an impostor with a certificate %s was asked", name)
		}
	}
	if at := g.service.take(); len(at) != 0 {
		t.Errorf("%d requests reached the service", len(at))
	}
	g.front.instead.Store(nil)
	g.front.shown.Store(good)
	g.recovers(t, token)
}

func survivesTheIssuer(t *testing.T, g gateway) {
	token := "Bearer " + g.mint(t, "jwt", nil).Token
	g.send(t, "GET", "/", "", "Authorization", token).Want(t, http.StatusOK)
	g.service.take()
	g.Kill()
	if got := g.send(t, "GET", "/", "", "Authorization", token); got.Status < 500 {
		t.Errorf("with a dead issuer behind its front the client gets %d", got.Status)
	}
	g.front.server.Close()
	if got := g.send(t, "GET", "/", "", "Authorization", token); got.Status < 500 {
		t.Errorf("with nobody where the issuer was the client gets %d", got.Status)
	}
	if at := g.service.take(); len(at) != 0 {
		t.Errorf("%d requests reached the service", len(at))
	}
}
