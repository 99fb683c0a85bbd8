package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Finder finds the id of a token by what is kept of it. m2m.ErrNotFound: there is none.
type Finder interface {
	TokenID(ctx context.Context, hash secret.Hash) (m2m.TokenID, error)
}

// RevokeBearer is Revoke for whoever has the token itself instead of its id. m2m.ErrNotFound: no such token, no token at all, or not the
// caller's.
func (s *Service) RevokeBearer(ctx context.Context, caller m2m.Caller, by m2m.Actor, token secret.Text) error {
	if !caller.Known() {
		return m2m.ErrUnauthenticated
	}
	presented, err := s.present(ctx, token, s.Now())
	if err != nil {
		return err
	}
	id := presented.ID
	switch presented.Format {
	case m2m.JWT:
	case m2m.Opaque:
		if id, err = s.Finder.TokenID(ctx, presented.Hash); err != nil {
			return fmt.Errorf("find token: %w", err)
		}
	default:
		return m2m.ErrNotFound
	}
	if _, err := s.Store.RevokeToken(ctx, by, id, caller.MachineID(), nil); err != nil {
		if errors.Is(err, m2m.ErrNotFound) {
			return m2m.ErrNotFound
		}
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}
