package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Request is what a machine asks for.
type Request struct {
	Format       m2m.Format // empty: the machine's default
	Seconds      *float64   // lifetime; nil: the machine's default
	Claims       []byte     // the raw JSON of the field; nil: null
	MinRemaining *int64     // seconds; nil: always a new token

	Client    m2m.MachineID // who the caller says it is, and must be; empty: it does not say
	Scopes    m2m.Scopes    // nil: all of the machine's, else some of them
	Resources m2m.Scopes    // likewise; a receiver must be in both
}

// Issued is a token, new or handed out again, and the only sight of its characters.
type Issued struct {
	Record m2m.Record
	Bearer secret.Text
}

// Issue makes a token for the machine that holds the credential caller. m2m.ErrUnauthenticated: no living machine holds it.
func (s *Service) Issue(ctx context.Context, caller secret.Text, r Request) (Issued, error) {
	// 1. Who, and may it: a machine, as itself.
	machine, err := s.holder(ctx, caller)
	if err != nil {
		return Issued{}, err
	}
	if r.Client != "" && r.Client != machine.ID {
		return Issued{}, m2m.ErrUnauthenticated
	}
	return s.IssueTo(ctx, machine, r)
}

// IssueTo is Issue for a machine that proved itself otherwise than by a credential. m2m.ErrUnauthenticated: it does not live any more.
func (s *Service) IssueTo(ctx context.Context, machine m2m.Machine, r Request) (Issued, error) {
	// 2. What, for whom, and for how long.
	plan, err := s.plan(machine, r)
	if err != nil {
		return Issued{}, err
	}
	// 3. An equal token that may be handed out again.
	if r.MinRemaining != nil {
		return s.reuse(ctx, plan)
	}
	// 4. Mode, then record and count in one commit.
	return s.mint(ctx, s.drawn(plan), s.recordOne)
}

func (s *Service) holder(ctx context.Context, caller secret.Text) (m2m.Machine, error) {
	callers, err := s.Hot.Callers(ctx, []secret.Hash{secret.HashOf(caller)})
	if err != nil {
		return m2m.Machine{}, fmt.Errorf("authenticate: %w", err)
	}
	if len(callers) != 1 || callers[0].Machine == nil {
		return m2m.Machine{}, m2m.ErrUnauthenticated
	}
	return *callers[0].Machine, nil
}

// signings is how often a token is signed before its caller is told to come again: each time the key that signed was retired between the
// signature and the record (R40), and the next is its successor.
const signings = 5

// mint makes, records and bills one token.
func (s *Service) mint(ctx context.Context, draw func(context.Context) (m2m.Minted, NewRecord, error), keep func(context.Context, NewRecord) error) (Issued, error) {
	for attempt := 1; ; attempt++ {
		minted, record, err := draw(ctx)
		if err != nil {
			return Issued{}, err
		}
		switch err := keep(ctx, record); {
		case err == nil:
			return Issued{Record: record.asRecord(), Bearer: minted.Bearer}, nil
		case errors.Is(err, m2m.ErrKeyNotActive) && attempt < signings:
			if err := s.RefreshKeys(ctx); err != nil {
				return Issued{}, fmt.Errorf("refresh signing keys: %w", err)
			}
		default:
			return Issued{}, recordError(err)
		}
	}
}

// recordOne records and bills one token.
func (s *Service) recordOne(ctx context.Context, n NewRecord) error {
	results, err := s.Hot.RecordTokens(ctx, []NewRecord{n})
	if err != nil {
		return err
	}
	if len(results) != 1 {
		return fmt.Errorf("%d answers: %w", len(results), m2m.ErrUnavailable)
	}
	return results[0]
}

// drawn is draw for a plan.
func (s *Service) drawn(p plan) func(context.Context) (m2m.Minted, NewRecord, error) {
	return func(ctx context.Context) (m2m.Minted, NewRecord, error) { return s.draw(ctx, p) }
}

// draw turns the plan into a new token of its mode.
func (s *Service) draw(ctx context.Context, p plan) (m2m.Minted, NewRecord, error) {
	now := s.Now().UTC().Truncate(millisecond) // what lies below is kept nowhere, and must not make a life a second longer
	g := m2m.Grant{ID: m2m.NewTokenID(), Machine: p.machine.ID, Scopes: p.machine.Scopes, Claims: p.claims}
	g.IssuedAt, g.ExpiresAt = p.times(now)
	minted, err := s.mode(p.format).Mint(ctx, g)
	if errors.Is(err, m2m.ErrTooLarge) {
		return m2m.Minted{}, NewRecord{}, fault("claims", m2m.TooLong,
			"together with the machine's scopes make a JWT of more than 8 KiB: use fewer claims or scopes, or an opaque token")
	}
	if err != nil {
		return m2m.Minted{}, NewRecord{}, fmt.Errorf("mint token: %w", err)
	}
	return minted, NewRecord{Grant: g, Format: p.format, Hash: minted.Hash, KeyID: minted.KeyID, CreatedAt: now}, nil
}

// recordError translates what the store said of one token: a machine deleted since it was authenticated is nobody now, and a key that
// is not active time and again cannot be told from trouble.
func recordError(err error) error {
	switch {
	case errors.Is(err, m2m.ErrMachineNotFound):
		return m2m.ErrUnauthenticated
	case errors.Is(err, m2m.ErrKeyNotActive):
		return fmt.Errorf("record token: %w: %w", m2m.ErrUnavailable, err)
	default:
		return fmt.Errorf("record token: %w", err)
	}
}

// asRecord is the token as the database keeps it from this moment on.
func (n NewRecord) asRecord() m2m.Record {
	return m2m.Record{Grant: n.Grant, Format: n.Format, KeyID: n.KeyID, CreatedAt: n.CreatedAt, UpdatedAt: n.CreatedAt}
}
