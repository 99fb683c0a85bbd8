package dashboard

import (
	"bytes"
	"context"
	"fmt"
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
	away     int // not even judged
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

func (f *fakeSessions) TurnedAway() { f.away++ }

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
	previous time.Time // until when the secret before works
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

func (f *fakeMachines) PreviousSecretEnds(context.Context, string) (time.Time, error) {
	return f.previous, nil
}

func (f *fakeMachines) CurrentSecret(context.Context, string) (string, error) {
	return fmt.Sprint("mark", len(f.overlaps)), nil
}

func (f *fakeMachines) ReplaceSecret(ctx context.Context, _ m2m.Actor, id, mark string, overlap time.Duration) (secret.Text, error) {
	if current, _ := f.CurrentSecret(ctx, id); mark != current {
		return "", m2m.ErrConflict
	}
	f.overlaps = append(f.overlaps, overlap)
	return aSecret, f.refuses
}

// fakeTokens has one token, or none, and counts as many as it is told.
type fakeTokens struct {
	Tokens
	sight       *tokens.Sight
	refused     string // the step at which it is refused, when it is pasted
	header      string
	compromised []m2m.KeyID
	revoked     int
	refuses     error // to issue
	living      int
}

func (f *fakeTokens) IssueAs(context.Context, m2m.Actor, m2m.Machine, tokens.Request) (tokens.Issued, error) {
	return tokens.Issued{}, f.refuses
}

func (f *fakeTokens) Living(_ context.Context, ids []m2m.MachineID) (map[m2m.MachineID]int, error) {
	out := map[m2m.MachineID]int{}
	for _, id := range ids {
		out[id] = f.living
	}
	return out, nil
}

func (f *fakeTokens) Look(context.Context, string) (tokens.Sight, error) {
	if f.sight == nil {
		return tokens.Sight{}, m2m.ErrNotFound
	}
	return *f.sight, nil
}

func (f *fakeTokens) Page(context.Context, tokens.PageQuery) (tokens.Page, error) {
	if f.sight == nil {
		return tokens.Page{}, nil
	}
	return tokens.Page{Tokens: []m2m.Record{f.sight.Record}, Compromised: f.compromised}, nil
}

func (f *fakeTokens) Inspect(context.Context, secret.Text) (tokens.Inspection, error) {
	return tokens.Inspection{Kind: tokens.SignedToken, Sight: f.sight, Refused: f.refused, Header: f.header}, nil
}

func (f *fakeTokens) Revoke(context.Context, m2m.Caller, m2m.Actor, string, *string) (m2m.Record, error) {
	f.revoked++
	return m2m.Record{}, nil
}

// fakeTally knows what a test puts into it.
type fakeTally map[tokens.Counted]int64

func (f fakeTally) Of(c tokens.Counted) (int64, time.Time, bool) {
	n, ok := f[c]
	return n, time.Date(2026, 5, 1, 11, 59, 0, 0, time.UTC), ok
}

// world is a dashboard on fakes.
type world struct {
	t        *testing.T
	handler  http.Handler
	sessions *fakeSessions
	machines *fakeMachines
	figures  *fakeFigures
	tokens   *fakeTokens
	tally    fakeTally
	log      bytes.Buffer
	now      time.Time
}

func newWorld(t *testing.T, issuer string, adjust ...func(*Deps)) *world {
	t.Helper()
	w := &world{
		t: t, sessions: &fakeSessions{}, figures: &fakeFigures{}, tokens: &fakeTokens{}, tally: fakeTally{}, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		machines: &fakeMachines{machine: machines.Detail{Machine: m2m.Machine{ID: orders, Name: "orders", DefaultTTL: time.Hour, DefaultFormat: m2m.Opaque}}},
	}
	deps := Deps{
		Sessions: w.sessions, Machines: w.machines, Tokens: w.tokens, Tally: w.tally, Rule: m2m.Live,
		Graph: w.figures, Ledger: w.figures, Reports: w.figures, Keys: w.figures, Audit: w.figures, Instance: "ins_1", Issuer: issuer,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
	}
	for _, f := range adjust {
		f(&deps)
	}
	handler, err := New(deps)
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
