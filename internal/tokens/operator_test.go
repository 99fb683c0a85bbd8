package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// fakeDesk answers the operator with what a test puts into it.
type fakeDesk struct {
	Desk
	sight   *Sight
	living  int64
	err     error
	kept    []NewRecord
	by      []m2m.Actor
	reasons []*string
	looked  []m2m.TokenID
}

func (f *fakeDesk) Token(_ context.Context, id m2m.TokenID) (Sight, error) {
	f.looked = append(f.looked, id)
	if f.sight == nil || f.sight.ID != id {
		return Sight{}, errors.Join(m2m.ErrNotFound, f.err)
	}
	return *f.sight, f.err
}

func (f *fakeDesk) RecordTokenBy(_ context.Context, by m2m.Actor, n NewRecord) error {
	f.kept, f.by = append(f.kept, n), append(f.by, by)
	return f.err
}

func (f *fakeDesk) RevokeMany(_ context.Context, _ m2m.Actor, _ m2m.MachineID, reason *string, most int) (int64, error) {
	f.reasons = append(f.reasons, reason)
	n := min(f.living, int64(most))
	f.living -= n
	return n, f.err
}

// TokenID finds every hash under one id: Finder.
func (f *fakeDesk) TokenID(context.Context, secret.Hash) (m2m.TokenID, error) {
	if f.sight == nil {
		return "", m2m.ErrNotFound
	}
	return f.sight.ID, nil
}

// stepError is a refusal that says its step, as those of the JWT mode do.
type stepError string

func (e stepError) Error() string { return string(e) }
func (e stepError) Step() string  { return string(e) }
func (stepError) Unwrap() error   { return m2m.ErrRefused }

// readMode reads every token as told.
type readMode struct {
	*fakeMode
	presented m2m.Presented
	readErr   error
}

func (r *readMode) Read(context.Context, secret.Text, time.Time) (m2m.Presented, error) {
	return r.presented, r.readErr
}

func newDesk(t *testing.T) (*world, *fakeDesk) {
	t.Helper()
	w, f := newWorld(t), &fakeDesk{}
	w.Desk, w.Finder = f, f
	return w, f
}

var someone = m2m.Actor{Kind: m2m.Operator, Session: "0a1b2c3d"}

// The operator's token is checked as a machine's own request is, and kept with who asked for it.
func TestTheOperatorHasATokenMadeAsTheMachine(t *testing.T) {
	w, f := newDesk(t)
	machine := *w.store.caller.Machine
	made, err := w.IssueAs(t.Context(), someone, machine, Request{Format: m2m.JWT, Claims: []byte(`{"a":1}`)})
	if err != nil || made.Bearer == "" || len(f.kept) != 1 || f.kept[0].Grant.Machine != alpha || f.kept[0].Format != m2m.JWT || f.by[0] != someone {
		t.Fatalf("%+v, %v: kept %+v by %+v", made.Record, err, f.kept, f.by)
	}
	if len(w.store.recorded) != 0 {
		t.Error("it was recorded as the machine's own too")
	}
	for _, r := range []Request{{Format: "x"}, {Claims: []byte(`{"sub":"x"}`)}, {Claims: []byte(`{`)}} { // R24
		if _, err := w.IssueAs(t.Context(), someone, machine, r); err == nil {
			t.Errorf("%+v was made", r)
		}
	}
	f.err = m2m.ErrMachineNotFound
	if _, err := w.IssueAs(t.Context(), someone, machine, Request{}); !errors.Is(err, m2m.ErrMachineNotFound) || errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("of a deleted machine: %v", err)
	}
}

func TestRevokeAllGoesOnUntilNoneLives(t *testing.T) {
	w, f := newDesk(t)
	f.living = 2*revokedAtOnce + 5
	reason := "leaked"
	n, err := w.RevokeAll(t.Context(), someone, string(alpha), &reason)
	if err != nil || n != 2*revokedAtOnce+5 || f.living != 0 || len(f.reasons) != 3 || *f.reasons[2] != reason {
		t.Errorf("%d revoked, %d live, %v", n, f.living, err)
	}
	f.living, f.err = 3, m2m.ErrUnavailable
	if _, err := w.RevokeAll(t.Context(), someone, string(alpha), nil); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("in trouble: %v", err)
	}
	bad := "a\x00"
	if _, err := w.RevokeAll(t.Context(), someone, string(alpha), &bad); err == nil {
		t.Error("a NUL is a reason")
	}
	if _, err := w.RevokeAll(t.Context(), someone, "nonsense", nil); !errors.Is(err, m2m.ErrMachineNotFound) {
		t.Errorf("nonsense: %v", err)
	}
}

// A JWT's own word is believed only as far as its signature was: what fails earlier leads to no look-up of the id that it names.
func TestInspectBelievesNoUnsignedWord(t *testing.T) {
	w, f := newDesk(t)
	id := m2m.NewTokenID()
	f.sight = &Sight{Record: m2m.Record{Grant: m2m.Grant{ID: id}, Format: m2m.JWT, KeyID: "k1"}, MachineLives: true}
	part := base64.RawURLEncoding.EncodeToString
	jwt := secret.Text(part([]byte(`{"kid":"k1"}`)) + "." + part([]byte(`{"jti":"`+string(id)+`"}`)) + ".c2ln")
	for _, c := range []struct {
		what    string
		read    readMode
		refused string
		found   bool
		good    bool
	}{
		{"good", readMode{presented: m2m.Presented{Format: m2m.JWT, ID: id, KeyID: "k1"}}, "", true, true},
		{"signed by another key of ours", readMode{presented: m2m.Presented{Format: m2m.JWT, ID: id, KeyID: "k2"}}, "key", true, false},
		{"a wrong signature", readMode{readErr: stepError("signature")}, "signature", false, false},
		{"an unknown key", readMode{readErr: stepError("key")}, "key", false, false},
		{"too old", readMode{readErr: stepError("time")}, "time", true, false},
	} {
		f.looked = nil
		w.JWT = &c.read
		got, err := w.Inspect(t.Context(), jwt)
		if err != nil || got.Kind != SignedToken || got.Refused != c.refused || (got.Sight != nil) != c.found || got.Good() != c.good || (len(f.looked) > 0) != c.found {
			t.Errorf("%s: %+v, %v, looked for %v", c.what, got, err, f.looked)
		}
		if got.Payload != `{"jti":"`+string(id)+`"}` {
			t.Errorf("%s says %q", c.what, got.Payload)
		}
	}
	w.JWT = &readMode{readErr: m2m.ErrUnavailable} // I6
	if _, err := w.Inspect(t.Context(), jwt); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("in trouble: %v", err)
	}
}

func TestInspectTellsKindsApart(t *testing.T) {
	w, f := newDesk(t)
	id := m2m.NewTokenID()
	for text, want := range map[secret.Text]Kind{
		secret.Text(id): IDOfToken, secret.Text(alpha): MachineIDText, "ak_x": MachineSecret, "sk_x": InstanceKey, "hello": NoToken, "a.b": NoToken,
		"mt_bad": OpaqueToken, "..": SignedToken,
	} {
		got, err := w.Inspect(t.Context(), text)
		if err != nil || got.Kind != want || got.Good() {
			t.Errorf("%d characters: %+v, %v, want %s", len(text), got, err, want)
		}
	}
	if got, err := w.Inspect(t.Context(), "mt_bad"); err != nil || got.Refused != "checksum" {
		t.Errorf("a bad checksum: %+v, %v", got, err)
	}
	f.sight = &Sight{Record: m2m.Record{Grant: m2m.Grant{ID: id}, Format: m2m.Opaque}, MachineLives: true}
	if got, err := w.Inspect(t.Context(), "mt_good"); err != nil || !got.Good() || got.Refused != "" {
		t.Errorf("a good one: %+v, %v", got, err)
	}
	f.sight.MachineLives = false
	if got, err := w.Inspect(t.Context(), "mt_good"); err != nil || got.Good() || got.Sight.State() != MachineDeleted {
		t.Errorf("of a deleted machine: %+v, %v", got, err)
	}
}
