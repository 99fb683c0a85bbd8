package sessions

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const key = secret.Text("sk_the-one-key-of-this-instance-0123456789")

// fakes keep one session and one link, and remember what was recorded.
type fakes struct {
	Store
	LinkStore
	err        error
	unwritable error // the audit log
	link       secret.Hash
	opened     []Opening
	by         []m2m.Actor
	refused    []int64
	looked     int
}

func (f *fakes) Authenticate(_ context.Context, c secret.Text) (m2m.Caller, error) {
	switch c {
	case key:
		return m2m.Caller{Instance: true}, f.err
	case "ak_machine":
		return m2m.Caller{Machine: &m2m.Machine{}}, f.err
	default:
		return m2m.Caller{}, errors.Join(m2m.ErrUnauthenticated, f.err)
	}
}

func (f *fakes) OpenSession(_ context.Context, by m2m.Actor, h secret.Hash, n Opening, _ Limits) error {
	if h != secret.HashOf(key) {
		return m2m.ErrNotFound
	}
	f.opened, f.by = append(f.opened, n), append(f.by, by)
	return nil
}

func (f *fakes) OpenSessionByLink(_ context.Context, by m2m.Actor, link secret.Hash, n Opening, _ Limits) error {
	f.looked++
	if link != f.link {
		return m2m.ErrNotFound
	}
	f.link = secret.Hash{}
	f.opened, f.by = append(f.opened, n), append(f.by, by)
	return nil
}

func (f *fakes) CreateLink(_ context.Context, h secret.Hash, life time.Duration) error {
	if life != 10*time.Minute {
		return errors.New("another life")
	}
	f.link = h
	return nil
}

func (f *fakes) RefuseSignIn(ctx context.Context, by m2m.Actor, unrecorded int64) error {
	if err := errors.Join(ctx.Err(), f.unwritable); err != nil {
		return err
	}
	f.refused, f.by = append(f.refused, unrecorded), append(f.by, by)
	return nil
}

func (f *fakes) Session(_ context.Context, h secret.Hash, _ Limits) (Session, error) {
	f.looked++
	for _, o := range f.opened {
		if o.Hash == h {
			return Session{Hash: h}, nil
		}
	}
	return Session{}, m2m.ErrNotFound
}

func newFakes() (*Service, *fakes, *time.Time) {
	f, now := &fakes{}, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	return New(Deps{Store: f, Links: f, Callers: f, Now: func() time.Time { return now }}), f, &now
}

var operator = m2m.Actor{Kind: m2m.Operator, Address: "192.0.2.1"}

// R46: 128 random bits at least, hashed, new at each sign-in, and the one before named so that it ends.
func TestSignInMakesAnIDThatOnlyItsHolderHas(t *testing.T) {
	s, f, _ := newFakes()
	first, err := s.SignIn(t.Context(), operator, key, "")
	if err != nil || !secret.WellFormed(secret.SessionID, first.Reveal()) {
		t.Fatalf("%q, %v", first.Reveal(), err)
	}
	second, err := s.SignIn(t.Context(), operator, key, first)
	if err != nil || second == first {
		t.Fatalf("the second is %v, %v", second == first, err)
	}
	want := []Opening{{Hash: secret.HashOf(first)}, {Hash: secret.HashOf(second), Previous: secret.HashOf(first)}}
	if len(f.opened) != 2 || f.opened[0] != want[0] || f.opened[1] != want[1] {
		t.Errorf("kept %v", f.opened)
	}
	if f.by[1].Session != Label(want[1].Hash) || f.by[1].Kind != m2m.Operator {
		t.Errorf("recorded as %+v", f.by[1])
	}
}

// R2: any other credential is like an unknown one, and recorded as nobody's.
func TestNothingButTheInstanceKeySignsIn(t *testing.T) {
	s, f, _ := newFakes()
	for _, other := range []secret.Text{"", "ak_machine", "sk_other", key + "x", secret.New(secret.SessionID), secret.New(secret.FirstLink)} {
		if id, err := s.SignIn(t.Context(), operator, other, ""); !errors.Is(err, m2m.ErrUnauthenticated) || id != "" {
			t.Errorf("signed in with another: %v", err)
		}
	}
	if len(f.opened) != 0 || len(f.refused) != 6 || f.by[0].Kind != m2m.System || f.by[0].Address != "192.0.2.1" {
		t.Errorf("opened %v, refused %v by %+v", f.opened, f.refused, f.by)
	}
}

// "Cannot tell now" is neither a yes nor a refusal (I6).
func TestTroubleIsNoRefusal(t *testing.T) {
	s, f, _ := newFakes()
	f.err = m2m.ErrUnavailable
	for _, k := range []secret.Text{key, "ak_machine"} {
		if id, err := s.SignIn(t.Context(), operator, k, ""); !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, m2m.ErrUnauthenticated) || id != "" {
			t.Errorf("in trouble: %v", err)
		}
	}
	if len(f.refused) != 0 {
		t.Error("trouble is in the audit log as a refused sign-in")
	}
}

// R6: once. What cannot be a link costs no look-up (R4).
func TestTheFirstLinkWorksOnce(t *testing.T) {
	s, f, _ := newFakes()
	link, err := s.MakeLink(t.Context())
	if err != nil || f.link != secret.HashOf(link) {
		t.Fatal(err)
	}
	for _, bad := range []secret.Text{"", link + "x", link[:len(link)-1], "fl_" + link, secret.New(secret.SessionID)} {
		if _, err := s.SignInByLink(t.Context(), operator, bad, ""); !errors.Is(err, m2m.ErrUnauthenticated) {
			t.Errorf("another link: %v", err)
		}
	}
	if f.looked != 0 {
		t.Errorf("%d look-ups for what is no link", f.looked)
	}
	if id, err := s.SignInByLink(t.Context(), operator, link, ""); err != nil || !secret.WellFormed(secret.SessionID, id.Reveal()) {
		t.Errorf("the link: %v", err)
	}
	if _, err := s.SignInByLink(t.Context(), operator, link, ""); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("the link again: %v", err)
	}
}

func TestOnlyAnIDFindsItsSession(t *testing.T) {
	s, f, _ := newFakes()
	id, err := s.SignIn(t.Context(), operator, key, "")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.Find(t.Context(), id); err != nil || found.Hash != secret.HashOf(id) {
		t.Errorf("found %+v, %v", found, err)
	}
	f.looked = 0
	for _, bad := range []secret.Text{"", id + "0", id[:40], "x" + id, key} {
		if _, err := s.Find(t.Context(), bad); !errors.Is(err, m2m.ErrUnauthenticated) {
			t.Errorf("%d characters: %v", len(bad), err)
		}
	}
	if f.looked != 0 {
		t.Errorf("%d look-ups for what is no id", f.looked)
	}
	if _, err := s.Find(t.Context(), secret.New(secret.SessionID)); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("an unknown id: %v", err)
	}
}

// Strangers cannot fill the audit log: what is not recorded is counted in the next entry that is.
func TestRefusalsAreRecordedWithinABudget(t *testing.T) {
	s, f, now := newFakes()
	for range refusalsAMinute + 12 {
		_, _ = s.SignIn(t.Context(), operator, "sk_guess", "")
	}
	if len(f.refused) != refusalsAMinute {
		t.Errorf("%d recorded in a minute", len(f.refused))
	}
	*now = now.Add(time.Minute)
	for range 5 { // too many from one address: they are not even judged
		s.TurnedAway()
	}
	_, _ = s.SignIn(t.Context(), operator, "sk_guess", "")
	_, _ = s.SignIn(t.Context(), operator, "sk_guess", "")
	if n := f.refused[refusalsAMinute:]; len(n) != 2 || n[0] != 12+5 || n[1] != 0 {
		t.Errorf("in the next minute: %v", n)
	}
}

// What could not be recorded is not forgotten, and who hangs up is recorded all the same.
func TestARefusalThatCouldNotBeRecordedIsCountedInTheNext(t *testing.T) {
	s, f, _ := newFakes()
	for range 5 {
		s.TurnedAway()
	}
	f.unwritable = errors.New("no database")
	if _, err := s.SignIn(t.Context(), operator, "sk_guess", ""); err == nil || errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("not recorded: %v", err)
	}
	f.unwritable = nil
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := s.SignIn(gone, operator, "sk_guess", ""); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Error(err)
	}
	if n := f.refused[len(f.refused)-1]; n != 5+1 {
		t.Errorf("%d before it, want 6", n)
	}
}
