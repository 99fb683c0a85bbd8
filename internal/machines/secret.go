package machines

import (
	"context"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// MaxOverlap bounds how long a rotated secret goes on working.
const MaxOverlap = 8 * time.Hour

// ViewSecret opens the machine's current secret. Every view is in the audit log before it returns (R50).
func (s *Service) ViewSecret(ctx context.Context, by m2m.Actor, id string) (secret.Text, error) {
	mid, err := parseID(id)
	if err != nil {
		return "", err
	}
	row, err := s.store.ViewSecret(ctx, by, mid)
	if err != nil {
		return "", fmt.Errorf("view machine secret: %w", err)
	}
	plain, err := s.sealer.Open(SecretPlace(row.Hash), row.Sealed)
	if err != nil {
		return "", fmt.Errorf("open machine secret: %w", err)
	}
	return secret.Text(plain), nil
}

// RotateSecret makes a new current secret. The one until now works for overlap longer, to the second; 0 means that it is dead
// when RotateSecret returns (R20).
func (s *Service) RotateSecret(ctx context.Context, by m2m.Actor, id string, overlap time.Duration) (secret.Text, error) {
	return s.ReplaceSecret(ctx, by, id, "", overlap)
}

// CurrentSecret gives the mark of the current secret, for ReplaceSecret.
func (s *Service) CurrentSecret(ctx context.Context, id string) (mark string, err error) {
	mid, err := parseID(id)
	if err != nil {
		return "", err
	}
	hash, err := s.store.CurrentSecret(ctx, mid)
	if err != nil {
		return "", fmt.Errorf("find machine secret: %w", err)
	}
	return SecretMark(hash), nil
}

// PreviousSecretEnds tells until when the secret before the current one still works; zero: it does not.
func (s *Service) PreviousSecretEnds(ctx context.Context, id string) (time.Time, error) {
	mid, err := parseID(id)
	if err != nil {
		return time.Time{}, err
	}
	ends, err := s.store.PreviousSecretEnds(ctx, mid)
	if err != nil {
		return time.Time{}, fmt.Errorf("find previous machine secret: %w", err)
	}
	return ends, nil
}

// ReplaceSecret is RotateSecret for whoever saw which secret was current. m2m.ErrConflict: it is not any more, and nothing was changed.
func (s *Service) ReplaceSecret(ctx context.Context, by m2m.Actor, id, mark string, overlap time.Duration) (secret.Text, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", fault("previous_token_ttl", m2m.WrongValue, "must be from 0 to 28800 seconds")
	}
	mid, err := parseID(id)
	if err != nil {
		return "", err
	}
	plain, row := s.newSecret()
	row.Replaces = mark
	if err := s.store.RotateSecret(ctx, by, mid, row, overlap); err != nil {
		return "", fmt.Errorf("rotate machine secret: %w", err)
	}
	return plain, nil
}

// Authenticate tells who holds a credential: the operator or a living machine. m2m.ErrUnauthenticated: nobody does.
func (s *Service) Authenticate(ctx context.Context, credential secret.Text) (m2m.Caller, error) {
	callers, err := s.store.Callers(ctx, []secret.Hash{secret.HashOf(credential)})
	if err != nil {
		return m2m.Caller{}, fmt.Errorf("authenticate: %w", err)
	}
	if len(callers) != 1 || !callers[0].Known() {
		return m2m.Caller{}, m2m.ErrUnauthenticated
	}
	return callers[0], nil
}

func (s *Service) newSecret() (secret.Text, SecretRow) {
	plain := secret.New(secret.MachineSecret)
	h := secret.HashOf(plain)
	return plain, SecretRow{Hash: h, Sealed: s.sealer.Seal(SecretPlace(h), []byte(plain.Reveal()))}
}
