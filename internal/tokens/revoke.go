package tokens

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
)

const maxReasonLength = 500

// Revoke ends a token: once it has returned, nobody accepts it. Again changes nothing (R18). A machine may revoke what it holds; to it
// another's token is like an unknown id (m2m.ErrNotFound).
func (s *Service) Revoke(ctx context.Context, caller m2m.Caller, by m2m.Actor, id string, reason *string) (m2m.Record, error) {
	if !caller.Known() {
		return m2m.Record{}, m2m.ErrUnauthenticated
	}
	if reason != nil {
		if err := checkReason(*reason); err != nil {
			return m2m.Record{}, err
		}
	}
	tid, ok := m2m.ParseTokenID(id)
	if !ok {
		return m2m.Record{}, m2m.ErrNotFound
	}
	holder := caller.MachineID() // empty for the operator: anybody's
	record, err := s.Store.RevokeToken(ctx, by, tid, holder, reason)
	if err != nil {
		return m2m.Record{}, fmt.Errorf("revoke token: %w", err)
	}
	return record, nil
}

func checkReason(reason string) error {
	switch {
	case utf8.RuneCountInString(reason) > maxReasonLength:
		return fault("revocation_reason", m2m.TooLong, fmt.Sprintf("must have at most %d characters", maxReasonLength))
	case !utf8.ValidString(reason) || strings.ContainsRune(reason, 0):
		return fault("revocation_reason", m2m.WrongFormat, "must not hold a NUL character")
	default:
		return nil
	}
}
