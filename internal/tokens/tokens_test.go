package tokens

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

func reasonOf(err error) m2m.Reason {
	if f, ok := errors.AsType[*m2m.FieldError](err); ok {
		return f.Reason
	}
	return ""
}

// R13: identity comes only from the credential.
func TestOnlyAMachineIssuesAndOnlyAsItself(t *testing.T) {
	w := newWorld(t)
	got, err := w.Issue(t.Context(), "good", Request{})
	if err != nil || got.Record.Machine != alpha || got.Record.Format != m2m.Opaque || got.Record.Scopes[0] != beta {
		t.Errorf("Issue = %+v, %v", got, err)
	}
	if _, err := w.Issue(t.Context(), "bad", Request{}); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("nobody issues: %v", err)
	}
	w.store.caller = m2m.Caller{Instance: true}
	if _, err := w.Issue(t.Context(), "good", Request{}); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("the instance key issues: %v", err)
	}
	if len(w.store.recorded) != 1 {
		t.Errorf("%d tokens recorded", len(w.store.recorded))
	}
}

// R25: lifetimes are finite numbers in bounds; a JWT always expires, within a configured maximum.
func TestLifetimes(t *testing.T) {
	at := func(clock string) time.Time {
		v, err := time.Parse(time.RFC3339, "2026-03-"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name   string
		format m2m.Format
		asked  *float64
		ttl    time.Duration
		none   bool // the machine's default is endless
		want   time.Time
		bad    bool
	}{
		{"default", m2m.Opaque, nil, time.Hour, false, at("01T13:00:01"), false},
		{"endless default", m2m.Opaque, nil, 0, true, time.Time{}, false},
		{"endless default as JWT is clamped", m2m.JWT, nil, 0, true, at("02T12:00:01"), false},
		{"long default as JWT is clamped", m2m.JWT, nil, 100 * time.Hour, false, at("02T12:00:01"), false},
		{"long default as opaque is kept", m2m.Opaque, nil, 100 * time.Hour, false, at("05T16:00:01"), false},
		{"asked", m2m.JWT, new(60.0), time.Hour, false, at("01T12:01:01"), false},
		{"asked of an endless machine", m2m.Opaque, new(60.0), 0, true, at("01T12:01:01"), false},
		{"exactly on a second is not rounded", m2m.Opaque, new(0.75), time.Hour, false, at("01T12:00:01"), false},
		{"a thousandth", m2m.Opaque, new(1e-300), time.Hour, false, at("01T12:00:01"), false},
		{"the JWT maximum", m2m.JWT, new(86400.0), time.Hour, false, at("02T12:00:01"), false},
		{"past the JWT maximum", m2m.JWT, new(86400.001), time.Hour, false, time.Time{}, true},
		{"zero", m2m.Opaque, new(0.0), time.Hour, false, time.Time{}, true},
		{"negative", m2m.Opaque, new(-1.0), time.Hour, false, time.Time{}, true},
		{"1e308", m2m.Opaque, new(1e308), time.Hour, false, time.Time{}, true},
		{"NaN", m2m.Opaque, new(math.NaN()), time.Hour, false, time.Time{}, true},
		{"infinite", m2m.JWT, new(math.Inf(1)), time.Hour, false, time.Time{}, true},
		{"ten years and a bit", m2m.Opaque, new(315360001.0), time.Hour, false, time.Time{}, true},
		{"a machine without a default is not endless", m2m.Opaque, nil, 0, false, time.Time{}, true},
	} {
		w := newWorld(t)
		w.store.caller.Machine.DefaultTTL, w.store.caller.Machine.Endless = c.ttl, c.none
		got, err := w.Issue(t.Context(), "good", Request{Format: c.format, Seconds: c.asked})
		if c.bad {
			if err == nil || len(w.store.recorded) != 0 {
				t.Errorf("%s: expires %v", c.name, got.Record.ExpiresAt)
			}
			most := map[m2m.Format]time.Duration{m2m.Opaque: m2m.MaxTTL, m2m.JWT: 24 * time.Hour}[c.format]
			if fault, is := errors.AsType[*m2m.FieldError](err); c.asked != nil && (!is || fault.Most != most) {
				t.Errorf("%s: %v does not say that %v is the most", c.name, err, most)
			}
			continue
		}
		if err != nil || !got.Record.ExpiresAt.Equal(c.want) {
			t.Errorf("%s: expires %v, %v; want %v", c.name, got.Record.ExpiresAt, err, c.want)
		}
		if got.Record.IssuedAt != w.now.Truncate(time.Second) {
			t.Errorf("%s: issued %v", c.name, got.Record.IssuedAt)
		}
	}
}

// R24: claims are bounded, exact, and never reserved.
func TestClaims(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 8) + "1" + strings.Repeat("}", 8)
	var many strings.Builder
	for i := range 65 {
		fmt.Fprintf(&many, `"k%d":1,`, i)
	}
	for raw, want := range map[string]string{
		`{}`:                            `{}`,
		`{"b":1,"a":{"z":[true,null]}}`: `{"a":{"z":[true,null]},"b":1}`,
		`{"a":"\\u0000"}`:               `{"a":"\\u0000"}`,
		`{"nested":{"sub":"is fine"}}`:  `{"nested":{"sub":"is fine"}}`,
		strings.Repeat(`{"a":`, 7) + "{}" + strings.Repeat("}", 7): strings.Repeat(`{"a":`, 7) + "{}" + strings.Repeat("}", 7),
	} {
		got, err := checkClaims([]byte(raw))
		if err != nil || string(got) != want {
			t.Errorf("checkClaims(%s) = %s, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"null", ""} {
		if got, err := checkClaims([]byte(raw)[:len(raw):len(raw)]); raw == "null" && (err != nil || got != nil) {
			t.Errorf("checkClaims(%s) = %s, %v", raw, got, err)
		}
	}
	for raw, reason := range map[string]m2m.Reason{
		`[]`: m2m.WrongType, `"a"`: m2m.WrongType, `1`: m2m.WrongType, `true`: m2m.WrongType,
		`{"a":1,"a":2}`: m2m.WrongFormat, `{"a":"\ud800"}`: m2m.WrongFormat, `{"a":"\u0000"}`: m2m.WrongFormat,
		`{"a":["x\\\u0000"]}`: m2m.WrongFormat, `{"\u0000":1}`: m2m.WrongFormat,
		`{"n":9007199254740993}`: m2m.WrongValue, `{"n":1e400}`: m2m.WrongValue,
		"{" + deep[:0] + `"a":` + deep + "}":               m2m.WrongValue,
		"{" + strings.TrimSuffix(many.String(), ",") + "}": m2m.WrongValue,
		`{"a":"` + strings.Repeat("x", 4096) + `"}`:        m2m.TooLong,
	} {
		if got, err := checkClaims([]byte(raw)); reasonOf(err) != reason {
			t.Errorf("checkClaims(%.60s) = %.60s, %v; want %s", raw, got, err, reason)
		}
	}
	// Unicode simple folding: U+017F is a long s, U+212A the Kelvin sign.
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scopes", "client_id", "azp", "act", "cnf", "status", "kid", "typ", "alg",
		"SUB", "Iss", "\u017fub", "i\u017f\u017f", "\u212aid", "\u017fcope\u017f", "\u017ftatus", "Client_ID",
	} {
		if _, err := checkClaims([]byte(`{"x":1,"` + name + `":1}`)); reasonOf(err) != m2m.ReservedName {
			t.Errorf("claim %q: %v", name, err)
		}
	}
}

// A life is no longer by the part of a millisecond that nobody keeps.
func TestALifeIsNoSecondLongerThanAsked(t *testing.T) {
	w := newWorld(t)
	for _, below := range []time.Duration{0, time.Nanosecond, 999 * time.Microsecond, time.Millisecond, 999999 * time.Microsecond} {
		w.now = time.Unix(1_800_000_000, 0).Add(below)
		got, err := w.Issue(t.Context(), "good", Request{Seconds: new(3600.0)})
		if life := got.Record.ExpiresAt.Sub(got.Record.CreatedAt); err != nil || life < time.Hour || life >= time.Hour+time.Second {
			t.Errorf("at %s past the second: %s, %v", below, life, err)
		}
	}
}

// R40: a JWT whose key was retired in the same moment is signed again with the new key, so often that only trouble ends it;
// nothing else is recorded.
func TestIssueSignsAgainWhenItsKeyIsNotActive(t *testing.T) {
	w := newWorld(t)
	w.store.record = func(r []NewRecord) []error {
		if r[0].KeyID == "k1" {
			return []error{m2m.ErrKeyNotActive}
		}
		return []error{nil}
	}
	got, err := w.Issue(t.Context(), "good", Request{Format: m2m.JWT})
	if err != nil || got.Record.KeyID != "k2" || w.refreshed != 1 || len(w.store.recorded) != 1 {
		t.Errorf("Issue = %+v, %v after %d refreshes", got.Record, err, w.refreshed)
	}
	w.store.record = func([]NewRecord) []error { return []error{m2m.ErrKeyNotActive} }
	if _, err := w.Issue(t.Context(), "good", Request{Format: m2m.JWT}); !errors.Is(err, m2m.ErrUnavailable) || w.refreshed != 1+signings-1 {
		t.Errorf("never active: %v after %d refreshes", err, w.refreshed)
	}
}

// R27, R12: nothing leaves that was not recorded.
func TestNoTokenLeavesWithoutItsRecord(t *testing.T) {
	w := newWorld(t)
	w.store.record = func([]NewRecord) []error { return []error{m2m.ErrMachineNotFound} }
	if got, err := w.Issue(t.Context(), "good", Request{}); !errors.Is(err, m2m.ErrUnauthenticated) || got.Bearer != "" {
		t.Errorf("a machine deleted in the same moment got a token: %v", err)
	}
	w.store.record = func([]NewRecord) []error { return nil }
	if got, err := w.Issue(t.Context(), "good", Request{}); err == nil || got.Bearer != "" {
		t.Error("an answer that is too short let a token out")
	}
	w.store.err = m2m.ErrUnavailable
	if _, err := w.Verify(t.Context(), "good", "mt_x"); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("a store in trouble: %v", err)
	}
}

// R28: no token over 8 KiB, and a sentence that says what to do.
func TestTooLargeIsAFaultOfTheRequest(t *testing.T) {
	w := newWorld(t)
	w.jwt.err = m2m.ErrTooLarge
	if _, err := w.Issue(t.Context(), "good", Request{Format: m2m.JWT}); reasonOf(err) != m2m.TooLong || len(w.store.recorded) != 0 {
		t.Errorf("too large: %v", err)
	}
}

// R4, R17: what no mode takes is asked for all the same, under a name that nothing has.
func TestVerifyAsksTheStoreWhateverTheTokenLooksLike(t *testing.T) {
	w := newWorld(t)
	w.store.verdicts = func(checks []Check) []Verdict {
		out := make([]Verdict, len(checks))
		for i, c := range checks {
			out[i] = Verdict{CallerKnown: c.Caller == secret.HashOf("good")}
		}
		return out
	}
	for _, token := range []secret.Text{"", "x", "mt_bad", "ak_x", "a.b", "a.b.c.d", "mt_x.y"} {
		if _, err := w.Verify(t.Context(), "good", token); !errors.Is(err, m2m.ErrRefused) {
			t.Errorf("Verify(%q) = %v", token.Reveal(), err)
		}
		if last := w.store.checks[len(w.store.checks)-1]; last.Token != (Token{}) {
			t.Errorf("Verify(%q) looked for %+v", token.Reveal(), last.Token)
		}
	}
	if _, err := w.Verify(t.Context(), "bad", "mt_bad"); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("nobody verifies a bad token: %v", err)
	}
	if _, err := w.Verify(t.Context(), "good", "mt_dark"); err == nil || errors.Is(err, m2m.ErrRefused) {
		t.Errorf("a mode that cannot tell: %v", err)
	}
}

func TestVerifyAllAnswersInOrder(t *testing.T) {
	w := newWorld(t)
	w.store.verdicts = func(checks []Check) []Verdict {
		return []Verdict{{CallerKnown: true, Record: &m2m.Record{Grant: m2m.Grant{ID: "1"}}}, {CallerKnown: true}, {CallerKnown: true, Record: &m2m.Record{Grant: m2m.Grant{ID: "3"}}}}
	}
	got, err := w.VerifyAll(t.Context(), "good", []secret.Text{"mt_1", "mt_2", "mt_3"})
	if err != nil || len(got) != 3 || got[0].ID != "1" || got[1] != nil || got[2].ID != "3" {
		t.Errorf("VerifyAll = %v, %v", got, err)
	}
	w.Now = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	w.opaque.asked = nil
	if _, err := w.VerifyAll(t.Context(), "good", []secret.Text{"mt_1", "mt_2", "mt_3"}); err != nil {
		t.Error(err)
	}
	if at := w.opaque.asked; len(at) != 3 || at[0].IsZero() || at[1] != at[0] || at[2] != at[0] {
		t.Errorf("one question was asked at %s", at)
	}
	w.store.verdicts = func([]Check) []Verdict { return nil }
	if _, err := w.VerifyAll(t.Context(), "good", []secret.Text{"mt_1"}); err == nil {
		t.Error("too few verdicts passed")
	}
}

func TestReuse(t *testing.T) {
	w := newWorld(t)
	got, err := w.Issue(t.Context(), "good", Request{MinRemaining: new(int64(0))})
	if err != nil || w.store.reused != 1 || !strings.Contains(got.Bearer.Reveal(), string(got.Record.ID)) {
		t.Errorf("Issue = %+v, %v", got, err)
	}
	for _, n := range []int64{-1, 3600, 3601, math.MaxInt64} {
		if _, err := w.Issue(t.Context(), "good", Request{MinRemaining: new(n)}); reasonOf(err) != m2m.WrongValue {
			t.Errorf("min_remaining_ttl_seconds %d: %v", n, err)
		}
	}
	if _, err := w.Issue(t.Context(), "good", Request{Seconds: new(60.0), MinRemaining: new(int64(60))}); reasonOf(err) != m2m.WrongValue {
		t.Errorf("at the lifetime asked for: %v", err)
	}
}

// A token that is kept for reuse and does not open is no reason to refuse: another one is made, kept and billed in its place.
func TestAReusableTokenThatDoesNotOpenCountsAsAbsent(t *testing.T) {
	w := newWorld(t)
	lost := NewRecord{Grant: m2m.Grant{ID: "lost"}, Reuse: &Reusable{Sealed: secret.Sealed{Version: "of another master key", Bytes: []byte("?")}}}
	w.store.kept = &lost
	got, err := w.Issue(t.Context(), "good", Request{MinRemaining: new(int64(0))})
	if err != nil || got.Record.ID == "lost" || len(w.store.recorded) != 1 {
		t.Fatalf("Issue = %+v, %v; %d recorded", got, err, len(w.store.recorded))
	}
	w.store.kept = &w.store.recorded[0]
	again, err := w.Issue(t.Context(), "good", Request{MinRemaining: new(int64(0))})
	if err != nil || again.Bearer != got.Bearer || len(w.store.recorded) != 1 {
		t.Errorf("again: %+v, %v; want %+v", again, err, got)
	}
}

func TestFingerprintTellsWhatMustNotBeMixed(t *testing.T) {
	base := plan{machine: m2m.Machine{ID: alpha, Scopes: m2m.Scopes{alpha, beta}}, format: m2m.JWT, claims: m2m.Claims(`{}`)}
	turned := base
	turned.machine.Scopes = m2m.Scopes{beta, alpha}
	if turned.fingerprint() != base.fingerprint() {
		t.Error("scopes are a set, and their order changed the fingerprint")
	}
	for name, change := range map[string]func(*plan){
		"machine": func(p *plan) { p.machine.ID = beta }, "format": func(p *plan) { p.format = m2m.Opaque },
		"null is not {}": func(p *plan) { p.claims = nil }, "claims": func(p *plan) { p.claims = m2m.Claims(`{"a":1}`) },
		"scopes": func(p *plan) { p.machine.Scopes = m2m.Scopes{beta} },
	} {
		other := base
		change(&other)
		if other.fingerprint() == base.fingerprint() {
			t.Errorf("%s does not count", name)
		}
	}
}

func TestListAndRevokeKnowWhoAsks(t *testing.T) {
	w := newWorld(t)
	me, other, operator := m2m.Caller{Machine: &m2m.Machine{ID: alpha}}, m2m.Caller{Machine: &m2m.Machine{ID: beta}}, m2m.Caller{Instance: true}
	list := func(ctx context.Context, c m2m.Caller, id m2m.MachineID) error {
		_, _, err := w.List(ctx, c, ListQuery{Machine: id})
		return err
	}
	for _, c := range []struct {
		caller m2m.Caller
		id     m2m.MachineID
		want   error
	}{{me, alpha, nil}, {operator, alpha, nil}, {other, alpha, m2m.ErrForbidden}, {m2m.Caller{}, "", m2m.ErrUnauthenticated}, {operator, "mch_x", m2m.ErrMachineNotFound}} {
		if err := list(t.Context(), c.caller, c.id); !errors.Is(err, c.want) {
			t.Errorf("List by %q of %q = %v, want %v", c.caller.MachineID(), c.id, err, c.want)
		}
	}
	id := string(m2m.NewTokenID())
	long, nul := strings.Repeat("é", 501), "a\x00"
	for name, c := range map[string]struct {
		caller m2m.Caller
		id     string
		reason *string
		check  func(error) bool
	}{
		"mine":        {me, id, nil, func(err error) bool { return err == nil }},
		"operator":    {operator, id, nil, func(err error) bool { return err == nil }},
		"another's":   {other, id, nil, func(err error) bool { return errors.Is(err, m2m.ErrNotFound) }},
		"no id":       {me, "mt_x", nil, func(err error) bool { return errors.Is(err, m2m.ErrNotFound) }},
		"nobody":      {m2m.Caller{}, id, nil, func(err error) bool { return errors.Is(err, m2m.ErrUnauthenticated) }},
		"long reason": {me, id, &long, func(err error) bool { return reasonOf(err) == m2m.TooLong }},
		"NUL reason":  {me, id, &nul, func(err error) bool { return reasonOf(err) == m2m.WrongFormat }},
	} {
		if _, err := w.Revoke(t.Context(), c.caller, m2m.Actor{}, c.id, c.reason); !c.check(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
