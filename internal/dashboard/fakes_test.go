package dashboard

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	goodID  = secret.Text("ds_good")
	goodKey = secret.Text("sk_good")
	orders  = "mch_000000000000000000000000001"
	aSecret = secret.Text("ak_0123456789abcdefghijklmnopqrstuvwxyz01")
)

// fakeSessions know one key and one session.
type fakeSessions struct {
	err      error
	signIns  int
	previous []secret.Text
	notice   string
	ended    int
}

func (f *fakeSessions) SignIn(_ context.Context, _ m2m.Actor, key, previous secret.Text) (secret.Text, error) {
	f.signIns++
	f.previous = append(f.previous, previous)
	if f.err != nil {
		return "", f.err
	}
	if key != goodKey {
		return "", m2m.ErrUnauthenticated
	}
	return goodID, nil
}

func (f *fakeSessions) SignInByLink(context.Context, m2m.Actor, secret.Text, secret.Text) (secret.Text, error) {
	return "", m2m.ErrUnauthenticated
}

func (f *fakeSessions) Find(_ context.Context, id secret.Text) (sessions.Session, error) {
	if f.err != nil {
		return sessions.Session{}, f.err
	}
	if id != goodID {
		return sessions.Session{}, m2m.ErrUnauthenticated
	}
	return sessions.Session{Hash: secret.HashOf(id), Notice: f.notice}, nil
}

func (f *fakeSessions) SignOut(context.Context, m2m.Actor, secret.Hash) error {
	f.ended++
	return f.err
}

func (f *fakeSessions) SignOutEverywhere(context.Context, m2m.Actor) (int64, error) { return 1, f.err }

func (f *fakeSessions) Notify(_ context.Context, _ secret.Hash, notice string) error {
	f.notice = notice
	return nil
}

// fakeMachines is a register with one machine.
type fakeMachines struct {
	Machines
	machine  machines.Detail
	refuses  error // every change
	panics   any
	created  []machines.Draft
	patches  []machines.Patch
	add      []string
	remove   []string
	deleted  int
	overlaps []time.Duration
	views    int
	gets     int
}

func (f *fakeMachines) Page(context.Context, machines.PageQuery) (machines.Page, error) {
	if f.panics != nil {
		panic(f.panics)
	}
	return machines.Page{Machines: []machines.Summary{{Machine: f.machine.Machine}}}, nil
}

func (f *fakeMachines) Get(_ context.Context, id string) (machines.Detail, error) {
	f.gets++
	if id != string(f.machine.ID) {
		return machines.Detail{}, m2m.ErrMachineNotFound
	}
	return f.machine, nil
}

func (f *fakeMachines) CallersOf(context.Context, string, int) ([]m2m.Machine, error) {
	return nil, nil
}

func (f *fakeMachines) Create(_ context.Context, _ m2m.Actor, d machines.Draft) (machines.Detail, secret.Text, error) {
	f.created = append(f.created, d)
	return f.machine, aSecret, f.refuses
}

func (f *fakeMachines) Update(_ context.Context, _ m2m.Actor, _ string, p machines.Patch) (machines.Detail, error) {
	f.patches = append(f.patches, p)
	after := f.machine
	if p.Name != nil {
		after.Name = *p.Name
	}
	if p.Format != nil {
		after.DefaultFormat = *p.Format
	}
	if p.Lifetime != nil {
		after.Endless, after.DefaultTTL = p.Lifetime.Endless, time.Duration(p.Lifetime.Seconds)*time.Second
	}
	if f.refuses == nil {
		f.machine = after
	}
	return after, f.refuses
}

func (f *fakeMachines) ChangeScopes(_ context.Context, _ m2m.Actor, _ string, add, remove []string) error {
	f.add, f.remove = add, remove
	return f.refuses
}

func (f *fakeMachines) Delete(context.Context, m2m.Actor, string) error {
	f.deleted++
	return f.refuses
}

func (f *fakeMachines) ViewSecret(context.Context, m2m.Actor, string) (secret.Text, error) {
	f.views++
	return aSecret, f.refuses
}

func (f *fakeMachines) RotateSecret(_ context.Context, _ m2m.Actor, _ string, overlap time.Duration) (secret.Text, error) {
	f.overlaps = append(f.overlaps, overlap)
	return aSecret, f.refuses
}

// fakeTokens counts none, and knows one at most.
type fakeTokens struct {
	Tokens
	sight   *tokens.Sight
	refuses error
}

func (f *fakeTokens) IssueAs(context.Context, m2m.Actor, m2m.Machine, tokens.Request) (tokens.Issued, error) {
	return tokens.Issued{}, f.refuses
}

func (*fakeTokens) Page(context.Context, tokens.PageQuery) (tokens.Page, error) {
	return tokens.Page{}, nil
}

func (*fakeTokens) Living(context.Context, []m2m.MachineID) (map[m2m.MachineID]int, error) {
	return map[m2m.MachineID]int{}, nil
}

func (f *fakeTokens) Look(context.Context, string) (tokens.Sight, error) {
	if f.sight != nil {
		return *f.sight, nil
	}
	return tokens.Sight{}, m2m.ErrNotFound
}

// world is a dashboard on fakes.
type world struct {
	t        *testing.T
	handler  http.Handler
	sessions *fakeSessions
	machines *fakeMachines
	tokens   *fakeTokens
	figures  *fakeFigures
	log      bytes.Buffer
	now      time.Time
}

func newWorld(t *testing.T, issuer string) *world {
	t.Helper()
	w := &world{
		t: t, sessions: &fakeSessions{}, tokens: &fakeTokens{}, figures: &fakeFigures{}, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		machines: &fakeMachines{machine: machines.Detail{Machine: m2m.Machine{ID: orders, Name: "orders", DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque}}},
	}
	handler, err := New(Deps{
		Sessions: w.sessions, Machines: w.machines, Tokens: w.tokens,
		Graph: w.figures, Ledger: w.figures, Reports: w.figures, Keys: w.figures, Audit: w.figures, Instance: "ins_1", Issuer: issuer,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = handler
	return w
}

// send makes a request; change may alter it.
func (w *world) send(method, path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = "127.0.0.1:8080"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return out
}

// signedIn puts the good session into a request.
func signedIn(r *http.Request) { r.AddCookie(&http.Cookie{Name: plainCookie, Value: goodID.Reveal()}) }
