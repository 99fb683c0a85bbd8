package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

const (
	instanceID = m2m.InstanceID("ins_0ujsswThIGTUYm2K8FjOOfXtY1K")
	idA        = m2m.MachineID("mch_0ujsswThIGTUYm2K8FjOOfXtY1A")
	idB        = m2m.MachineID("mch_0ujsswThIGTUYm2K8FjOOfXtY1B")
	tokenID    = m2m.TokenID("mt_0123456789abcdef0123456789abcdef")
)

var (
	instanceKey = secret.New(secret.InstanceKey)
	secretA     = secret.New(secret.MachineSecret)
	secretB     = secret.New(secret.MachineSecret)
	newSecret   = secret.New(secret.MachineSecret)
	goodToken   = secret.New(secret.OpaqueToken)
	deadToken   = secret.New(secret.OpaqueToken)
	noon        = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// fakeMachines knows one instance key and two machines. Whatever fail or panics hold happens instead of any answer.
type fakeMachines struct {
	mu     sync.Mutex
	fail   error
	panics any
	asked  int // how often a credential was looked up
	by     m2m.Actor
	draft  machines.Draft
	patch  machines.Patch
	query  machines.Query
	calls  []string
}

func (f *fakeMachines) did(call string, by m2m.Actor) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	f.by = by
	if f.panics != nil {
		panic(f.panics)
	}
	return f.fail
}

func (f *fakeMachines) Authenticate(_ context.Context, c secret.Text) (m2m.Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return callerOf(c)
}

func callerOf(c secret.Text) (m2m.Caller, error) {
	switch c {
	case instanceKey:
		return m2m.Caller{Instance: true}, nil
	case secretA:
		return m2m.Caller{Machine: &m2m.Machine{ID: idA}}, nil
	case secretB:
		return m2m.Caller{Machine: &m2m.Machine{ID: idB}}, nil
	case newSecret: // a service that forgets its error
		return m2m.Caller{}, nil
	default:
		return m2m.Caller{}, m2m.ErrUnauthenticated
	}
}

func detailA() machines.Detail {
	b := m2m.Machine{ID: idB, Name: "b", Endless: true, DefaultFormat: m2m.JWT, CreatedAt: noon, UpdatedAt: noon}
	a := m2m.Machine{
		ID: idA, Name: "a", DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque, Scopes: m2m.Scopes{idB},
		CreatedAt: noon, UpdatedAt: noon.Add(time.Millisecond),
	}
	return machines.Detail{Machine: a, Scoped: []m2m.Machine{b}}
}

func (f *fakeMachines) Create(_ context.Context, by m2m.Actor, d machines.Draft) (machines.Detail, secret.Text, error) {
	f.draft = d
	return detailA(), newSecret, f.did("create", by)
}

func (f *fakeMachines) List(_ context.Context, q machines.Query) ([]machines.Detail, int64, error) {
	f.query = q
	return []machines.Detail{detailA()}, 7, f.did("list", m2m.Actor{})
}

func (f *fakeMachines) Get(_ context.Context, id string) (machines.Detail, error) {
	if id != string(idA) {
		return machines.Detail{}, m2m.ErrMachineNotFound
	}
	return detailA(), f.did("get", m2m.Actor{})
}

func (f *fakeMachines) Update(_ context.Context, by m2m.Actor, _ string, p machines.Patch) (machines.Detail, error) {
	f.patch = p
	return detailA(), f.did("update", by)
}

func (f *fakeMachines) Delete(_ context.Context, by m2m.Actor, _ string) error {
	return f.did("delete", by)
}

func (f *fakeMachines) AddScope(_ context.Context, by m2m.Actor, _, _ string) (time.Time, error) {
	return noon, f.did("add scope", by)
}

func (f *fakeMachines) RemoveScope(_ context.Context, by m2m.Actor, _, _ string) error {
	return f.did("remove scope", by)
}

func (f *fakeMachines) ViewSecret(_ context.Context, by m2m.Actor, _ string) (secret.Text, error) {
	return newSecret, f.did("view secret", by)
}

func (f *fakeMachines) RotateSecret(_ context.Context, by m2m.Actor, _ string, overlap time.Duration) (secret.Text, error) {
	return newSecret, f.did("rotate "+overlap.String(), by)
}

// fakeTokens knows one good token.
type fakeTokens struct {
	mu       sync.Mutex
	fail     error
	panics   any
	asked    int
	request  tokens.Request
	query    tokens.ListQuery
	reason   *string
	record   m2m.Record
	revoked  []m2m.MachineID // by possession
	issuedTo m2m.MachineID   // proven otherwise
}

func recordA() m2m.Record {
	g := m2m.Grant{
		ID: tokenID, Machine: idA, Scopes: m2m.Scopes{idB}, Claims: m2m.Claims(`{"a":[1,"x"]}`), IssuedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
	return m2m.Record{Grant: g, Format: m2m.Opaque, CreatedAt: noon, UpdatedAt: noon}
}

func (f *fakeTokens) did() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.panics != nil {
		panic(f.panics)
	}
	return f.fail
}

func (f *fakeTokens) Issue(_ context.Context, caller secret.Text, r tokens.Request) (tokens.Issued, error) {
	if err := f.did(); err != nil {
		return tokens.Issued{}, err
	}
	f.request = r
	if c, err := callerOf(caller); err != nil || c.Instance || r.Client != "" && r.Client != c.MachineID() {
		return tokens.Issued{}, m2m.ErrUnauthenticated
	}
	return tokens.Issued{Record: f.record, Bearer: goodToken}, nil
}

func (f *fakeTokens) IssueTo(_ context.Context, machine m2m.Machine, r tokens.Request) (tokens.Issued, error) {
	if err := f.did(); err != nil {
		return tokens.Issued{}, err
	}
	f.request, f.issuedTo = r, machine.ID
	return tokens.Issued{Record: f.record, Bearer: goodToken}, nil
}

func (f *fakeTokens) VerifyFor(ctx context.Context, caller secret.Hash, token secret.Text) (m2m.Record, error) {
	for _, s := range []secret.Text{secretA, secretB} {
		if secret.HashOf(s) == caller {
			return f.Verify(ctx, s, token)
		}
	}
	return m2m.Record{}, m2m.ErrUnauthenticated
}

func (f *fakeTokens) Verify(ctx context.Context, caller, token secret.Text) (m2m.Record, error) {
	all, err := f.VerifyAll(ctx, caller, []secret.Text{token})
	if err != nil {
		return m2m.Record{}, err
	}
	if all[0] == nil {
		return m2m.Record{}, m2m.ErrRefused
	}
	return *all[0], nil
}

func (f *fakeTokens) VerifyAll(_ context.Context, caller secret.Text, list []secret.Text) ([]*m2m.Record, error) {
	if err := f.did(); err != nil {
		return nil, err
	}
	c, err := callerOf(caller)
	if err != nil {
		return nil, err
	}
	out := make([]*m2m.Record, len(list))
	for i, t := range list {
		if t == goodToken && c.MachineID() != idA {
			out[i] = &f.record
		}
	}
	return out, nil
}

func (f *fakeTokens) List(_ context.Context, caller m2m.Caller, q tokens.ListQuery) ([]m2m.Record, int64, error) {
	f.query = q
	if !caller.Instance && caller.MachineID() != q.Machine {
		return nil, 0, m2m.ErrForbidden
	}
	return []m2m.Record{f.record}, 3, f.did()
}

func (f *fakeTokens) Revoke(_ context.Context, _ m2m.Caller, _ m2m.Actor, id string, reason *string) (m2m.Record, error) {
	f.reason = reason
	if id != string(tokenID) {
		return m2m.Record{}, m2m.ErrNotFound
	}
	r := f.record
	r.RevokedAt, r.RevocationReason = noon, reason
	return r, f.did()
}

type fakeUsage struct {
	report usage.Report
	caller m2m.Caller
	fail   error
}

func (f *fakeUsage) Report(_ context.Context, caller m2m.Caller, q usage.Query) (usage.Report, error) {
	f.caller = caller
	r := f.report
	r.Query = q
	return r, f.fail
}

type fakeAudit struct {
	query   audit.Query
	entries []audit.Entry
	fail    error
}

func (f *fakeAudit) AuditEntries(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	f.query = q
	return f.entries[:min(q.Limit, len(f.entries))], f.fail
}

type fakeKeys struct {
	document keys.Document
	did      []string
	fail     error
	slow     error // fails the counts
}

func (f *fakeKeys) JWKS(context.Context) (keys.Document, error) { return f.document, f.fail }

const kidA, kidB = m2m.KeyID("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), m2m.KeyID("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4B")

func (f *fakeKeys) Overview(context.Context) (keys.Overview, error) {
	a := keys.Key{ID: kidA, State: keys.Compromised, CreatedAt: noon, ActivatedAt: noon.Add(time.Hour), CompromisedAt: noon.Add(2 * time.Hour)}
	b := keys.Key{ID: kidB, State: keys.Active, CreatedAt: noon, ActivatedAt: noon.Add(2 * time.Hour)}
	return keys.Overview{
		Now: noon, SafeToRotate: noon.Add(time.Minute), Policy: keys.DefaultPolicy(24 * time.Hour), Counted: true,
		Keys: []keys.Forecast{
			{Key: a, Signed: keys.Signed{Tokens: 7, Until: noon.Add(3 * time.Hour)}},
			{Key: b, Signed: keys.Signed{Tokens: keys.CountedTokens, Until: noon}, ActiveUntil: noon.Add(4 * time.Hour), RemovableFrom: noon.Add(5 * time.Hour)},
		},
	}, errors.Join(f.fail, f.slow)
}

func (f *fakeKeys) Outlook() keys.Overview {
	o, _ := f.Overview(context.Background())
	o.Counted = false
	for i := range o.Keys {
		o.Keys[i].Signed = keys.Signed{}
	}
	return o
}

func (f *fakeKeys) Rotate(_ context.Context, by m2m.Actor, how keys.Rotation) error {
	f.did = append(f.did, fmt.Sprint("rotate ", how.Force, " ", how.Retire, by.Kind))
	return f.fail
}

func (f *fakeKeys) Compromise(_ context.Context, by m2m.Actor, kid m2m.KeyID) error {
	f.did = append(f.did, fmt.Sprint("compromise ", kid, " ", by.Kind))
	if kid != kidA {
		return m2m.ErrNotFound
	}
	return f.fail
}

// world is the API over fakes, with its log.
type world struct {
	machines   *fakeMachines
	assertions *fakeAssertions
	signer     *fakeSigner
	tokens     *fakeTokens
	usage      *fakeUsage
	audit      *fakeAudit
	keys       *fakeKeys
	ready      error
	deps       Deps
	log        *safeBuffer
	handler    http.Handler
}

// safeBuffer is a log that goroutines may share.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(tb testing.TB, adjust ...func(*Deps)) *world {
	tb.Helper()
	w := &world{
		machines: &fakeMachines{}, assertions: &fakeAssertions{used: map[secret.Text]bool{}}, signer: &fakeSigner{}, tokens: &fakeTokens{record: recordA()}, usage: &fakeUsage{}, audit: &fakeAudit{},
		keys: &fakeKeys{document: keys.Document{JSON: []byte(`{"keys":[]}`), ETag: `"one"`, MaxAge: time.Minute}}, log: &safeBuffer{},
	}
	w.deps = Deps{
		Machines: w.machines, Tokens: w.tokens, Assertions: w.assertions, Introspections: w.signer, Usage: w.usage, Audit: w.audit, Keys: w.keys, Instance: instanceID, Issuer: "https://auth.example.com",
		Ready:  func(context.Context) error { return w.ready },
		Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    func() time.Time { return noon },
	}
	for _, f := range adjust {
		f(&w.deps)
	}
	w.handler = New(w.deps)
	return w
}

// call sends one request. A body makes it application/json; header adjusts it.
func (w *world) call(method, path string, who secret.Text, body string, adjust ...func(*http.Request)) *httptest.ResponseRecorder {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, r)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who.Reveal())
	}
	for _, f := range adjust {
		f(req)
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, req)
	return out
}

// firstError gives code and param_name of an error answer, and checks its shape (section 5 of the wire contract).
func firstError(tb testing.TB, r *httptest.ResponseRecorder) (code, param string) {
	tb.Helper()
	var body struct {
		Errors []struct {
			Code        string `json:"code"`
			Message     string `json:"message"`
			LongMessage string `json:"long_message"`
			Meta        struct {
				ParamName string `json:"param_name"`
			} `json:"meta"`
		} `json:"errors"`
		TraceID string `json:"clerk_trace_id"`
	}
	if err := json.Unmarshal(r.Body.Bytes(), &body); err != nil || len(body.Errors) == 0 {
		tb.Fatalf("%d %q is no error answer: %v", r.Code, r.Body, err)
	}
	if got := r.Header()["Content-Type"]; len(got) != 1 || got[0] != "application/json" {
		tb.Errorf("content type %q of an error", got)
	}
	if body.TraceID == "" || body.TraceID != r.Header().Get("Clerk-Trace-Id") {
		tb.Errorf("trace id %q in the body, %q in the header", body.TraceID, r.Header().Get("Clerk-Trace-Id"))
	}
	if e := body.Errors[0]; e.Message == "" || e.LongMessage == "" {
		tb.Errorf("%s has no sentence", e.Code)
	}
	return body.Errors[0].Code, body.Errors[0].Meta.ParamName
}

func wantError(tb testing.TB, r *httptest.ResponseRecorder, status int, code, param string) {
	tb.Helper()
	if r.Code != status {
		tb.Errorf("status %d, want %d: %s", r.Code, status, r.Body)
		return
	}
	if gotCode, gotParam := firstError(tb, r); gotCode != code || gotParam != param {
		tb.Errorf("code %q of %q, want %q of %q", gotCode, gotParam, code, param)
	}
}

func wantJSON(tb testing.TB, r *httptest.ResponseRecorder, status int, want string) {
	tb.Helper()
	if r.Code != status || r.Header().Get("Content-Type") != "application/json" {
		tb.Fatalf("%d %s: %s", r.Code, r.Header().Get("Content-Type"), r.Body)
	}
	var a, b any
	if err := json.Unmarshal(r.Body.Bytes(), &a); err != nil {
		tb.Fatalf("%q: %v", r.Body, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		tb.Fatal(err)
	}
	got, _ := json.Marshal(a)
	wanted, _ := json.Marshal(b)
	if !bytes.Equal(got, wanted) {
		tb.Errorf("got  %s\nwant %s", got, wanted)
	}
}

func wantStatus(tb testing.TB, r *httptest.ResponseRecorder, status int) {
	tb.Helper()
	if r.Code != status {
		tb.Errorf("status %d, want %d: %s", r.Code, status, r.Body)
	}
}

func (f *fakeTokens) RevokeBearer(_ context.Context, caller m2m.Caller, _ m2m.Actor, token secret.Text) error {
	if err := f.did(); err != nil {
		return err
	}
	if token != goodToken || caller.MachineID() != idA {
		return m2m.ErrNotFound
	}
	f.revoked = append(f.revoked, caller.MachineID())
	return nil
}
