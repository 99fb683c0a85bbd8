package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

// fakeAssertions knows "assertion.of.A..." and "assertion.of.B...", each good once.
type fakeAssertions struct {
	used    map[secret.Text]bool
	fail    error
	current secret.Text // instead of the machine's secret
}

func (f *fakeAssertions) Prove(_ context.Context, assertion secret.Text, admit func(secret.Hash) error) (machines.Proven, error) {
	id, current := idA, secretA
	if strings.HasPrefix(assertion.Reveal(), "assertion.of.B") {
		id, current = idB, secretB
	}
	if f.current != "" {
		current = f.current
	}
	switch {
	case f.fail != nil:
		return machines.Proven{}, f.fail
	case f.used[assertion] || !strings.HasPrefix(assertion.Reveal(), "assertion.of."):
		return machines.Proven{}, m2m.ErrUnauthenticated
	}
	if err := admit(secret.HashOf(current)); err != nil {
		return machines.Proven{}, err
	}
	f.used[assertion] = true
	return machines.Proven{Machine: m2m.Machine{ID: id}, Current: secret.HashOf(current)}, nil
}

// assertion is the parameters of a client that signed; n tells one from the other.
func assertion(of string, n any) string {
	return fmt.Sprintf("&client_assertion_type=%s&client_assertion=assertion.of.%s.%v", url.QueryEscape(jwtBearer), of, n)
}

func TestRFC7523Section2_2AnAssertionAuthenticatesAtEveryEndpoint(t *testing.T) {
	w := newWorld(t)
	wantStatus(t, w.post("/oauth2/token", grant+assertion("A", 1)), 200)
	if w.tokens.issuedTo != idA || w.machines.asked != 0 {
		t.Errorf("issued to %q, with %d look-ups of a credential", w.tokens.issuedTo, w.machines.asked)
	}
	wantStatus(t, w.post("/oauth2/token", grant+assertion("A", 2)+"&client_id="+string(idA)), 200) // RFC 7521 section 4.2
	if r := w.post("/oauth2/introspect", aboutToken(goodToken)+assertion("B", 3)); r.Code != 200 || !strings.Contains(r.Body.String(), `"active":true`) {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if r := w.post("/oauth2/introspect", aboutToken(goodToken)+assertion("A", 3)); r.Body.String() != inactive { // A is no receiver
		t.Errorf("%d %s", r.Code, r.Body)
	}
	wantJSON(t, w.post("/oauth2/revoke", aboutToken(goodToken)+assertion("B", 4)), 200, `{}`)
	if len(w.tokens.revoked) != 0 {
		t.Error("a client revoked what is not its own")
	}
	wantJSON(t, w.post("/oauth2/revoke", aboutToken(goodToken)+assertion("A", 4)), 200, `{}`)
	if len(w.tokens.revoked) != 1 || w.tokens.revoked[0] != idA {
		t.Errorf("revoked by %v", w.tokens.revoked)
	}
	if strings.Contains(w.log.String(), "assertion.of") {
		t.Error("the log has an assertion") // R61
	}
	if !strings.Contains(w.log.String(), string(idA)) {
		t.Error("the log does not know who it was")
	}
}

func TestRFC7521Section4_2_1WhateverIsWrongWithAnAssertionIsOneAnswer(t *testing.T) {
	w := newWorld(t)
	const used = 7
	wantStatus(t, w.post("/oauth2/token", grant+assertion("A", used)), 200)
	for name, client := range map[string]string{
		"used before":      assertion("A", used),
		"unknown":          strings.Replace(assertion("A", 8), "assertion.of", "x", 1),
		"another type":     strings.Replace(assertion("A", 9), url.QueryEscape(jwtBearer), "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", 1),
		"of another":       assertion("A", 10) + "&client_id=" + string(idB),
		"over-long":        assertion("A", strings.Repeat("x", 9<<10)) + "&client_id=" + string(idB),
		"no client at all": "&client_id=" + string(idA),
	} {
		for path, body := range map[string]string{"/oauth2/token": grant, "/oauth2/introspect": aboutToken(goodToken), "/oauth2/revoke": aboutToken(goodToken)} {
			t.Run(name+path, func(t *testing.T) { wantOAuth(t, w.post(path, body+client), 401, "invalid_client") })
		}
	}
	if w.tokens.issuedTo != idA || len(w.tokens.revoked) != 0 {
		t.Error("something was done")
	}
}

func TestRFC6749Section2_3AnAssertionAndAnotherWayAreTwo(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
		body := map[bool]string{true: grant, false: aboutToken(goodToken)}[path == "/oauth2/token"]
		wantOAuth(t, w.post(path, body+assertion("A", 1), basic(idA, secretA)), 400, "invalid_request")
		wantOAuth(t, w.post(path, body+assertion("A", 1), authorization("Bearer "+secretA.Reveal())), 400, "invalid_request")
		wantOAuth(t, w.post(path, body+assertion("A", 1)+"&client_secret="+secretA.Reveal()), 400, "invalid_request")
		wantOAuth(t, w.post(path, body+"&client_assertion=assertion.of.A.1"), 400, "invalid_request")
		wantOAuth(t, w.post(path, body+"&client_assertion_type="+url.QueryEscape(jwtBearer)), 400, "invalid_request")
		wantOAuth(t, w.post(path, body+assertion("A", 1)+assertion("A", 2)), 400, "invalid_request")
	}
	if len(w.assertions.used) != 0 {
		t.Error("an assertion was used up by a request that had two ways")
	}
}

// One that has proved itself is told what it asked wrongly.
func TestRFC6749Section5_2AProvenClientIsToldItsFaults(t *testing.T) {
	w := newWorld(t)
	wantOAuth(t, w.post("/oauth2/token", "grant_type=password"+assertion("A", 1)), 400, "unsupported_grant_type")
	wantOAuth(t, w.post("/oauth2/token", grant+"&scope=x"+assertion("A", 2)), 400, "invalid_scope")
	wantOAuth(t, w.post("/oauth2/introspect", "token="+assertion("B", 3)), 400, "invalid_request")
	w.tokens.fail = &m2m.FieldError{Field: "resource", Reason: m2m.WrongValue, Message: "no"}
	wantOAuth(t, w.post("/oauth2/token", grant+assertion("A", 4)), 400, "invalid_target")
}

// R12, I6
func TestAnAssertionInTroubleIsNeitherYesNorNo(t *testing.T) {
	for _, err := range []error{m2m.ErrUnavailable, m2m.ErrBusy, fmt.Errorf("x: %w", m2m.ErrUnavailable)} {
		w := newWorld(t)
		w.assertions.fail = err
		for path, body := range map[string]string{"/oauth2/token": grant, "/oauth2/introspect": aboutToken(goodToken), "/oauth2/revoke": aboutToken(goodToken)} {
			r := w.post(path, body+assertion("A", 1))
			wantOAuth(t, r, 503, "temporarily_unavailable")
			if r.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	// A secret that was rotated, or a machine deleted, between the proof and the verification.
	w := newWorld(t)
	w.assertions.current = newSecret
	wantOAuth(t, w.post("/oauth2/introspect", aboutToken(goodToken)+assertion("B", 1)), 503, "temporarily_unavailable")
}

// R17: the client is told no reason, and the operator is.
func TestTheLogTellsWhyAnAssertionIsRefused(t *testing.T) {
	w := newWorld(t)
	w.assertions.fail = &machines.AssertionError{Reason: "the moon"}
	r := w.post("/oauth2/token", grant+assertion("A", 1))
	wantOAuth(t, r, 401, "invalid_client")
	if strings.Contains(r.Body.String(), "moon") || strings.Count(w.log.String(), `"reason":"client assertion refused: the moon"`) != 1 {
		t.Errorf("%s %s", r.Body, w.log)
	}
	w.assertions.fail = nil
	wantOAuth(t, w.post("/oauth2/token", grant+assertion("A", 2)+"&client_id="+string(idB)), 401, "invalid_client")
	wantOAuth(t, w.post("/oauth2/token", grant+strings.Replace(assertion("A", 3), "jwt-bearer", "saml2-bearer", 1)), 401, "invalid_client")
	if log := w.log.String(); !strings.Contains(log, "client_id is not the machine") || !strings.Contains(log, "client_assertion_type is not") {
		t.Error(log)
	}
}

// R57: a machine has one rate, however it authenticates; a repeated guess is one party too.
func TestAnAssertionSharesTheRateOfItsMachine(t *testing.T) {
	limited := func(d *Deps) { d.Limits = Limits{PerCredential: 2} }
	w := newWorld(t, limited)
	wantStatus(t, w.post("/oauth2/token", grant+assertion("A", 1)), 200)
	wantStatus(t, w.post("/oauth2/token", grant, basic(idA, secretA)), 200)
	wantOAuth(t, w.post("/oauth2/token", grant+assertion("A", 2)), 429, "temporarily_unavailable")
	if len(w.assertions.used) != 1 {
		t.Error("an assertion that came too early was used up")
	}
	wantStatus(t, w.post("/oauth2/token", grant+assertion("B", 1)), 200)
	wantStatus(t, w.call("POST", "/v1/m2m_tokens", secretB, "{}"), 201) // the native interface counts into the same
	wantStatus(t, w.call("POST", "/v1/m2m_tokens", secretB, "{}"), 429)
	wantOAuth(t, w.post("/oauth2/token", grant+assertion("B", 2)), 429, "temporarily_unavailable")
	w = newWorld(t, limited)
	for i := range 2 { // a client_id that is not its own counts too
		wantOAuth(t, w.post("/oauth2/token", grant+assertion("A", i)+"&client_id="+string(idB)), 401, "invalid_client")
	}
	wantOAuth(t, w.post("/oauth2/token", grant+assertion("A", 3)), 429, "temporarily_unavailable")
	w = newWorld(t, limited)
	for range 2 {
		wantOAuth(t, w.post("/oauth2/token", grant+strings.Replace(assertion("A", 1), "assertion.of", "x", 1)), 401, "invalid_client")
	}
	wantOAuth(t, w.post("/oauth2/token", grant+strings.Replace(assertion("A", 1), "assertion.of", "x", 1)), 429, "temporarily_unavailable")
}

// fakeSigner shows what it was asked to sign.
type fakeSigner struct{ fail error }

func (f *fakeSigner) IntrospectionSigner(_ context.Context, audience string, at time.Time) (func([]byte) (string, error), error) {
	if f.fail != nil {
		return nil, f.fail
	}
	return func(answer []byte) (string, error) { return fmt.Sprintf("%s|%d|%s", audience, at.Unix(), answer), nil }, nil
}

func accept(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept", value) }
}

func TestRFC9701Section4WhoAsksForASignedAnswerGetsOne(t *testing.T) {
	w := newWorld(t)
	plain := w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB)).Body.String()
	for audience, how := range map[string]func(*http.Request){
		string(idB):        basic(idB, secretB),
		string(idB) + " ":  authorization("Bearer " + secretB.Reveal()),
		string(instanceID): authorization("Bearer " + instanceKey.Reveal()),
	} {
		for token, answer := range map[secret.Text]string{goodToken: plain, deadToken: inactive} {
			r := w.post("/oauth2/introspect", aboutToken(token), how, accept(signedIntrospection))
			want := fmt.Sprintf("%s|%d|%s", strings.TrimSpace(audience), noon.Unix(), answer)
			if r.Code != 200 || r.Body.String() != want || r.Header().Get("Content-Type") != signedIntrospection || r.Header().Get("Vary") != "Accept" {
				t.Errorf("%d %v %s, want %s", r.Code, r.Header(), r.Body, want)
			}
		}
	}
	if r := w.post("/oauth2/introspect", aboutToken(goodToken)+assertion("B", 1), accept(signedIntrospection)); !strings.HasPrefix(r.Body.String(), string(idB)+"|") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	for _, value := range []string{"", "*/*", "application/json", "application/*", signedIntrospection + ";q=0", signedIntrospection + ", application/json", "application/jwt"} {
		if r := w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB), accept(value)); r.Header().Get("Content-Type") != jsonType {
			t.Errorf("Accept %q: %s", value, r.Header().Get("Content-Type"))
		}
	}
	r := w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB), accept(signedIntrospection+", application/json;q=0.9"))
	if r.Header().Get("Content-Type") != signedIntrospection {
		t.Errorf("preferred: %s", r.Header().Get("Content-Type"))
	}
}

// RFC 9701 section 5, I6: errors are never signed, and an answer that cannot be signed is not given unsigned.
func TestRFC9701Section5ErrorsAreNotSigned(t *testing.T) {
	w := newWorld(t)
	wantOAuth(t, w.post("/oauth2/introspect", aboutToken(goodToken), basic(idA, secretB), accept(signedIntrospection)), 401, "invalid_client")
	wantOAuth(t, w.post("/oauth2/introspect", aboutToken(goodToken), authorization("Bearer x"), accept(signedIntrospection)), 401, "invalid_client")
	w.signer.fail = m2m.ErrUnavailable
	asked := w.tokens.asked
	wantOAuth(t, w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB), accept(signedIntrospection)), 503, "temporarily_unavailable")
	if w.tokens.asked != asked {
		t.Error("a verification was billed whose answer nothing could sign")
	}
	w.signer.fail = errors.New("x")
	wantOAuth(t, w.post("/oauth2/introspect", aboutToken(goodToken), basic(idB, secretB), accept(signedIntrospection)), 500, "server_error")
}

func TestRFC6750Section3_1ABearerThatIsNotGoodIsToldSo(t *testing.T) {
	w := newWorld(t)
	for how, want := range map[string]string{
		"Bearer " + deadToken.Reveal(): `Bearer error="invalid_token"`, "Basic !": `Basic realm="dualmint", charset="UTF-8"`, "": `Basic realm="dualmint", charset="UTF-8"`,
	} {
		r := w.post("/oauth2/introspect", aboutToken(goodToken), func(r *http.Request) {
			if how != "" {
				r.Header.Set("Authorization", how)
			}
		})
		if got := r.Header().Get("WWW-Authenticate"); r.Code != 401 || got != want {
			t.Errorf("%q: %d %q", how, r.Code, got)
		}
	}
}
