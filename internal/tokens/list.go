package tokens

import (
	"context"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// List gives one page of a machine's tokens, newest first, and the number of all that match. A machine sees its own only
// (m2m.ErrForbidden).
func (s *Service) List(ctx context.Context, caller m2m.Caller, q ListQuery) ([]m2m.Record, int64, error) {
	switch {
	case !caller.Known():
		return nil, 0, m2m.ErrUnauthenticated
	case !caller.Instance && caller.MachineID() != q.Machine:
		return nil, 0, m2m.ErrForbidden
	}
	if _, ok := m2m.ParseMachineID(string(q.Machine)); !ok {
		return nil, 0, m2m.ErrMachineNotFound
	}
	page, total, err := s.Store.ListTokens(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("list tokens: %w", err)
	}
	return page, total, nil
}
