package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// revokedAtOnce bounds one transaction of RevokeAll.
const revokedAtOnce = 2000

// IssueAs makes a token of a machine for the operator, who is named in the audit log for it. It is billed like any other.
// m2m.ErrMachineNotFound: the machine was deleted meanwhile.
func (s *Service) IssueAs(ctx context.Context, by m2m.Actor, machine m2m.Machine, r Request) (Issued, error) {
	r.MinRemaining = nil
	plan, err := s.plan(machine, r)
	if err != nil {
		return Issued{}, err
	}
	issued, err := s.mint(ctx, s.drawn(plan), func(ctx context.Context, n NewRecord) error { return s.Desk.RecordTokenBy(ctx, by, n) })
	if errors.Is(err, m2m.ErrUnauthenticated) { // what mint says to the machine itself when it is gone
		err = m2m.ErrMachineNotFound
	}
	return issued, err
}

// RevokeAll revokes every living token of a machine and tells how many there were. Once it has returned, nobody accepts any that was
// there when it was called. It goes in steps: when it fails in between, some are revoked, and calling it again goes on.
func (s *Service) RevokeAll(ctx context.Context, by m2m.Actor, machine string, reason *string) (int64, error) {
	id, ok := m2m.ParseMachineID(machine)
	if !ok {
		return 0, m2m.ErrMachineNotFound
	}
	if reason != nil {
		if err := checkReason(*reason); err != nil {
			return 0, err
		}
	}
	var all int64
	for {
		n, err := s.Desk.RevokeMany(ctx, by, id, reason, revokedAtOnce)
		if err != nil {
			return all, fmt.Errorf("revoke all tokens of a machine: %w", err)
		}
		all += n
		if n < revokedAtOnce {
			return all, nil
		}
	}
}
