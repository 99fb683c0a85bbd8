package oauth

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/test/harness"
)

// The native interface and OAuth are two ways to the same thing. Two worlds that began alike are taken through the same random life, one by
// the native interface and one by OAuth; every answer, the records at the end and the bill must be the same.
func TestTheNativeInterfaceAndOAuthAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		rapid.Check(t, func(rt *rapid.T) {
			start := harness.Fields{
				"default_token_format": rapid.SampledFrom(formats).Draw(rt, "format"), "default_token_ttl": rapid.SampledFrom([]any{60, 3600, nil, 315360000}).Draw(rt, "ttl"),
			}
			began := time.Now()
			lives := []*life{newLife(t, w.Server, native{}, start), newLife(t, w.Server, standard{}, start)}
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				step := drawStep(rt, lives[0])
				said := [2]string{}
				for i, l := range lives {
					said[i] = step(t, l)
				}
				if said[0] != said[1] {
					rt.Fatalf("native: %s\nOAuth:  %s", said[0], said[1])
				}
			}
			if records := [2]string{lives[0].records(t), lives[1].records(t)}; records[0] != records[1] {
				rt.Fatalf("records\nnative: %s\nOAuth:  %s", records[0], records[1])
			}
			usage := w.UsageOf(t, w.InstanceKey, began, time.Now())
			if bills := [2]map[string]int64{lives[0].bill(usage), lives[1].bill(usage)}; !maps.Equal(bills[0], bills[1]) {
				rt.Fatalf("bill\nnative: %v\nOAuth:  %v", bills[0], bills[1])
			}
		})
	})
}

// R28: what does not fit a JWT fits it by neither interface, is billed by neither, and is an opaque token by both.
func TestTheNativeInterfaceAndOAuthHaveTheSameBounds(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		began := time.Now()
		var receivers []string
		for i := range 110 {
			receivers = append(receivers, w.NewMachine(t, fmt.Sprint("R", i)).ID)
		}
		wide := w.MachineWith(t, harness.Fields{"name": "wide", "scoped_machines": receivers, "default_token_format": "jwt"})
		w.Call(t, http.MethodPost, "/v1/m2m_tokens", wide.SecretKey, harness.Fields{}).Want(t, http.StatusBadRequest)
		wantError(t, "110 receivers", form(t, w.Server, "/oauth2/token", wide, grant), http.StatusBadRequest, "invalid_request")
		w.Mint(t, wide.SecretKey, harness.Fields{"token_format": "opaque"})
		form(t, w.Server, "/oauth2/token", wide, grant+"&token_format=opaque").Want(t, http.StatusOK)
		form(t, w.Server, "/oauth2/token", wide, grant+"&resource="+receivers[109]).Want(t, http.StatusOK) // narrowed, it fits
		counted := map[string]int64{}
		for _, row := range w.UsageOf(t, w.InstanceKey, began, time.Now()).Data {
			if row.Machine == wide.ID {
				counted[row.Format] += row.Total
			}
		}
		if counted["opaque"] != 2 || counted["jwt"] != 1 {
			t.Errorf("counted %v", counted)
		}
	})
}

// life is a world of its own: A, B and C, and the tokens that A got. A may call B, and C from time to time.
type life struct {
	*harness.Server
	way    way
	cast   map[string]harness.Machine
	tokens []string          // "": the creation was refused
	ids    map[string]string // of tokens that the native interface made
}

func newLife(t *testing.T, s *harness.Server, by way, start harness.Fields) *life {
	t.Helper()
	l := &life{Server: s, way: by, ids: map[string]string{}, cast: map[string]harness.Machine{"B": s.NewMachine(t, "B"), "C": s.NewMachine(t, "C")}}
	f := maps.Clone(start)
	f["name"], f["scoped_machines"] = "A", []string{l.cast["B"].ID}
	l.cast["A"] = s.MachineWith(t, f)
	return l
}

// step is something that happens in a life, and what was said about it.
type step func(t *testing.T, l *life) string

// drawStep draws what happens next, the same for both lives.
func drawStep(rt *rapid.T, l *life) step {
	names := []string{"A", "B", "C"}
	kind := rapid.SampledFrom([]string{"create", "create", "check", "check", "check", "other way", "operator", "revoke", "allow", "disallow", "rotate", "default", "delete"}).Draw(rt, "kind")
	format := rapid.SampledFrom([]string{"", "opaque", "jwt", "none"}).Draw(rt, "of format")
	name := rapid.SampledFrom(names).Draw(rt, "machine")
	which := 0
	if len(l.tokens) > 0 {
		which = rapid.IntRange(0, len(l.tokens)-1).Draw(rt, "token")
	}
	admin := func(method, path string, body any) step {
		return func(t *testing.T, l *life) string {
			t.Helper()
			return fmt.Sprint(l.Call(t, method, strings.ReplaceAll(path, "{A}", l.cast["A"].ID), l.InstanceKey, body).Status)
		}
	}
	switch kind {
	case "create":
		return func(t *testing.T, l *life) string {
			t.Helper()
			token, said := l.way.create(t, l, format)
			l.tokens = append(l.tokens, token)
			return l.named(said)
		}
	case "allow":
		return func(t *testing.T, l *life) string {
			t.Helper()
			return admin(http.MethodPost, "/v1/machines/{A}/scopes", harness.Fields{"to_machine_id": l.cast[name].ID})(t, l)
		}
	case "disallow":
		return func(t *testing.T, l *life) string {
			t.Helper()
			return admin(http.MethodDelete, "/v1/machines/{A}/scopes/"+l.cast[name].ID, nil)(t, l)
		}
	case "default":
		return admin(http.MethodPatch, "/v1/machines/{A}", harness.Fields{"default_token_format": map[bool]string{true: "jwt", false: "opaque"}[format == "jwt"]})
	case "delete":
		if name == "A" { // seldom: not much happens afterwards
			return admin(http.MethodDelete, "/v1/machines/{A}", nil)
		}
	case "rotate":
		return func(t *testing.T, l *life) string {
			t.Helper()
			m := l.cast[name]
			l.Call(t, http.MethodPost, "/v1/machines/"+m.ID+"/secret_key/rotate", l.InstanceKey, harness.Fields{"previous_token_ttl": 0}) // the old one stays in use
			return kind
		}
	}
	return func(t *testing.T, l *life) string {
		t.Helper()
		if len(l.tokens) == 0 || l.tokens[which] == "" {
			return "nothing"
		}
		token, by := l.tokens[which], l.way
		switch kind {
		case "revoke":
			by.revoke(t, l, l.cast[name], token)
			return kind
		case "operator":
			return l.named(by.check(t, l, harness.Machine{SecretKey: l.InstanceKey}, token))
		case "other way":
			by = map[way]way{native{}: standard{}, standard{}: native{}}[by]
		}
		return l.named(by.check(t, l, l.cast[name], token))
	}
}

// records is what the listing says of A's tokens, in an order that does not depend on their ids.
func (l *life) records(t *testing.T) string {
	t.Helper()
	r := l.Call(t, http.MethodGet, "/v1/m2m_tokens?limit=100&revoked=true&expired=true&subject="+l.cast["A"].ID, l.InstanceKey, nil)
	if r.Status != http.StatusOK {
		return fmt.Sprint(r.Status)
	}
	var list struct {
		Tokens []harness.Token `json:"m2m_tokens"`
		Total  int             `json:"total_count"`
	}
	r.Into(t, &list)
	lines := []string{fmt.Sprint(list.Total)}
	for _, k := range list.Tokens {
		lines = append(lines, l.named(fmt.Sprint(k.Subject, k.Scopes, k.Claims, k.Format, k.Revoked, k.Expired, k.RevocationReason == nil, k.LastUsedAt != nil, lifetimeOf(k))))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// bill is what was counted for A.
func (l *life) bill(u harness.Usage) map[string]int64 {
	out := map[string]int64{}
	for _, row := range u.Data {
		if row.Machine == l.cast["A"].ID {
			out[l.named(fmt.Sprint(row.Operation, " ", row.Format, " at ", row.Receiver))] += row.Total
		}
	}
	return out
}

// named writes the names of the cast for their ids, so that two lives can be compared.
func (l *life) named(text string) string {
	for name, m := range l.cast {
		text = strings.ReplaceAll(text, m.ID, name)
	}
	return text
}

// way is one of the two interfaces. What it tells is the same for the same thing.
type way interface {
	// create gets a token for A; empty: refused.
	create(t *testing.T, l *life, format string) (token, said string)
	// check asks for a receiver.
	check(t *testing.T, l *life, receiver harness.Machine, token string) string
	// revoke ends a token as a machine, or leaves it.
	revoke(t *testing.T, l *life, as harness.Machine, token string)
}

// grantSaid is what both interfaces say about a good token.
func grantSaid(subject string, scopes []string, lifetime int64, claims any) string {
	return fmt.Sprint("good: of ", subject, ", for ", scopes, ", lives ", lifetime, ", claims ", claims)
}

const refused = "refused"

type native struct{}

func (native) create(t *testing.T, l *life, format string) (string, string) {
	f := harness.Fields{}
	if format != "" {
		f["token_format"] = format
	}
	r := l.Call(t, http.MethodPost, "/v1/m2m_tokens", l.cast["A"].SecretKey, f)
	if r.Status != http.StatusCreated {
		return "", fmt.Sprint(r.Status)
	}
	var got harness.Token
	r.Into(t, &got)
	l.ids[got.Token] = got.ID
	return got.Token, fmt.Sprint("a token for ", got.Scopes, ", lives ", lifetimeOf(got))
}

func (native) check(t *testing.T, l *life, receiver harness.Machine, token string) string {
	r := l.Verify(t, receiver.SecretKey, token)
	switch r.Status {
	case http.StatusNotFound:
		return refused
	case http.StatusUnauthorized:
		return "nobody"
	}
	var got harness.Token
	r.Want(t, http.StatusOK).Into(t, &got)
	var claims any
	if got.Claims != nil {
		claims = got.Claims
	}
	return grantSaid(got.Subject, got.Scopes, lifetimeOf(got), claims)
}

func (native) revoke(t *testing.T, l *life, as harness.Machine, token string) {
	if r := l.Revoke(t, as.SecretKey, l.ids[token]); r.Status >= http.StatusInternalServerError {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
}

// lifetimeOf is how long a token lives, in whole seconds; 0: for ever.
func lifetimeOf(got harness.Token) int64 {
	if got.Expiration == nil {
		return 0
	}
	return minutes((*got.Expiration - got.CreatedAt) / 1000)
}

// minutes takes from a lifetime, which is whole minutes here, the second by which it may have been rounded up.
func minutes(seconds int64) int64 { return seconds - seconds%60 }

type standard struct{}

func (standard) create(t *testing.T, l *life, format string) (string, string) {
	parameters := ""
	if format != "" {
		parameters = "&token_format=" + format
	}
	r := form(t, l.Server, "/oauth2/token", l.cast["A"], grant+parameters)
	if r.Status != http.StatusOK {
		return "", fmt.Sprint(r.Status)
	}
	var got issued
	r.Into(t, &got)
	return got.AccessToken, fmt.Sprint("a token for ", strings.Fields(got.Scope), ", lives ", minutes(got.ExpiresIn))
}

func (standard) check(t *testing.T, l *life, receiver harness.Machine, token string) string {
	r := form(t, l.Server, "/oauth2/introspect", harness.Machine{}, about(token), "Authorization", "Bearer "+receiver.SecretKey)
	if r.Status == http.StatusUnauthorized {
		return "nobody"
	}
	if string(r.Want(t, http.StatusOK).Body) == inactive {
		return refused
	}
	var got struct {
		Active          bool
		Sub, Scope, Iss string
		Aud             []string
		Iat, Nbf, Exp   int64
		Claims          any
	}
	r.Into(t, &got)
	if !got.Active || got.Iss != l.Issuer || got.Iat != got.Nbf || !slices.Equal(got.Aud, strings.Fields(got.Scope)) {
		t.Errorf("%s", r.Body)
	}
	lifetime := int64(0)
	if got.Exp != 0 {
		lifetime = minutes(got.Exp - got.Iat)
	}
	return grantSaid(got.Sub, got.Aud, lifetime, got.Claims)
}

func (standard) revoke(t *testing.T, l *life, as harness.Machine, token string) {
	if r := form(t, l.Server, "/oauth2/revoke", as, about(token)); r.Status >= http.StatusInternalServerError {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
}
