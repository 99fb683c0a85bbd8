package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// longestRefusal bounds the record of a refused sign-in.
const longestRefusal = 5 * time.Second

// LinkLife is how long the link of the first start opens the dashboard.
const LinkLife = 10 * time.Minute

// Limits say when a session is over.
type Limits struct {
	Idle     time.Duration // without use
	Absolute time.Duration // in any case
}

// DefaultLimits are those of the dashboard (R46).
func DefaultLimits() Limits { return Limits{Idle: time.Hour, Absolute: 12 * time.Hour} }

// Session is one that is open.
type Session struct {
	Hash       secret.Hash // of its id: how it is named to the store
	SignedInAt time.Time
	Until      time.Time // over then in any case
	Notice     string    // what its next page is to say; empty: nothing
}

// Label names the session in the audit log. It says nothing about the id.
func (s Session) Label() string { return Label(s.Hash) }

// Label is how the session whose id has this hash is named in the audit log.
func Label(hash secret.Hash) string { return fmt.Sprintf("%x", hash[:4]) }

// Authenticator tells who holds a credential. m2m.ErrUnauthenticated: nobody does.
type Authenticator interface {
	Authenticate(ctx context.Context, credential secret.Text) (m2m.Caller, error)
}

// Deps is what a Service is joined from. All of it is required.
type Deps struct {
	Store   Store
	Links   LinkStore
	Callers Authenticator
	Now     func() time.Time
}

// Service opens and ends sessions. Safe for concurrent use.
type Service struct {
	deps   Deps
	limits Limits
	budget budget
}

// New makes a Service with the default limits.
func New(d Deps) *Service { return &Service{deps: d, limits: DefaultLimits()} }

// SignIn opens a session for the holder of the instance key and gives its id, which nothing shows again. The session that the browser
// had until now, if previous names one, ends: an id from before a sign-in is never one after it (session fixation).
// m2m.ErrUnauthenticated: it is not the instance key; any other credential is like an unknown one (R2).
func (s *Service) SignIn(ctx context.Context, by m2m.Actor, key, previous secret.Text) (secret.Text, error) {
	caller, err := s.deps.Callers.Authenticate(ctx, key)
	if err == nil && !caller.Instance {
		err = m2m.ErrUnauthenticated
	}
	if errors.Is(err, m2m.ErrUnauthenticated) {
		return "", s.refuse(ctx, by)
	}
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	id, n := fresh(previous)
	by.Session = Label(n.Hash)
	return s.opened(ctx, by, id, s.deps.Store.OpenSession(ctx, by, secret.HashOf(key), n, s.limits))
}

// SignInByLink is SignIn for the holder of the link of the first start. It works once.
func (s *Service) SignInByLink(ctx context.Context, by m2m.Actor, link, previous secret.Text) (secret.Text, error) {
	if !secret.WellFormed(secret.FirstLink, link.Reveal()) {
		return "", s.refuse(ctx, by)
	}
	id, n := fresh(previous)
	by.Session = Label(n.Hash)
	return s.opened(ctx, by, id, s.deps.Links.OpenSessionByLink(ctx, by, secret.HashOf(link), n, s.limits))
}

func fresh(previous secret.Text) (secret.Text, Opening) {
	id := secret.New(secret.SessionID)
	n := Opening{Hash: secret.HashOf(id)}
	if previous != "" {
		n.Previous = secret.HashOf(previous)
	}
	return id, n
}

func (s *Service) opened(ctx context.Context, by m2m.Actor, id secret.Text, err error) (secret.Text, error) {
	switch {
	case errors.Is(err, m2m.ErrNotFound):
		by.Session = ""
		return "", s.refuse(ctx, by)
	case err != nil:
		return "", fmt.Errorf("open session: %w", err)
	}
	return id, nil
}

// refuse records a failed sign-in, as far as the budget for that goes, and gives m2m.ErrUnauthenticated.
func (s *Service) refuse(ctx context.Context, by m2m.Actor) error {
	by.Kind = m2m.System // nobody has proved to be anybody
	unrecorded, ok := s.budget.take(s.deps.Now())
	if ok {
		recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestRefusal) // who hangs up is recorded all the same
		defer cancel()
		if err := s.deps.Links.RefuseSignIn(recording, by, unrecorded); err != nil {
			s.budget.giveBack(unrecorded)
			return fmt.Errorf("record refused sign-in: %w", err)
		}
	}
	return m2m.ErrUnauthenticated
}

// TurnedAway counts a sign-in that was not judged, because too many came from its address. The next refused one that is recorded tells how
// many there were: who is turned away may try again every few seconds, so that there is one soon if he does.
func (s *Service) TurnedAway() { s.budget.miss() }

// Find gives the session of an id. m2m.ErrUnauthenticated: there is none, or it is over. What cannot be an id costs no look-up (R4).
func (s *Service) Find(ctx context.Context, id secret.Text) (Session, error) {
	if !secret.WellFormed(secret.SessionID, id.Reveal()) {
		return Session{}, m2m.ErrUnauthenticated
	}
	found, err := s.deps.Store.Session(ctx, secret.HashOf(id), s.limits)
	if errors.Is(err, m2m.ErrNotFound) {
		return Session{}, m2m.ErrUnauthenticated
	}
	if err != nil {
		return Session{}, fmt.Errorf("find session: %w", err)
	}
	return found, nil
}

// SignOut ends a session: no request that begins after it has returned is of this session.
func (s *Service) SignOut(ctx context.Context, by m2m.Actor, hash secret.Hash) error {
	if err := s.deps.Store.EndSession(ctx, by, hash); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// SignOutEverywhere ends every session, this one too, and tells how many there were.
func (s *Service) SignOutEverywhere(ctx context.Context, by m2m.Actor) (int64, error) {
	n, err := s.deps.Store.EndSessions(ctx, by)
	if err != nil {
		return 0, fmt.Errorf("sign out everywhere: %w", err)
	}
	return n, nil
}

// Notify leaves a notice for the session's next page; empty takes it away.
func (s *Service) Notify(ctx context.Context, hash secret.Hash, notice string) error {
	if err := s.deps.Store.SetNotice(ctx, hash, notice); err != nil {
		return fmt.Errorf("leave a notice: %w", err)
	}
	return nil
}

// MakeLink makes the link of the first start: it opens the dashboard once, within LinkLife.
func (s *Service) MakeLink(ctx context.Context) (secret.Text, error) {
	link := secret.New(secret.FirstLink)
	if err := s.deps.Links.CreateLink(ctx, secret.HashOf(link), LinkLife); err != nil {
		return "", fmt.Errorf("make first-start link: %w", err)
	}
	return link, nil
}
