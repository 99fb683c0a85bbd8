package tokens

import (
	"context"
	"fmt"
	"math"

	"github.com/dualmint/dualmint/internal/m2m"
)

// CountedLiving is how far the living tokens of one machine are counted while somebody waits. Beyond it, Tally knows.
const CountedLiving = 10_000

// PageQuery chooses a page of a machine's tokens, newest first, by the token that it begins behind.
type PageQuery struct {
	Machine m2m.MachineID
	Limit   int
	From    m2m.TokenID // the token before the page; empty: the page is the first
	Back    bool        // the page that ends before From instead
}

// Page is one page and whether there are more to both sides of it.
type Page struct {
	Tokens         []m2m.Record
	Previous, Next bool
	Compromised    []m2m.KeyID // of the keys that signed them
}

// Sight is a token with everything that decides whether it is good.
type Sight struct {
	m2m.Record
	MachineName    string
	MachineLives   bool
	KeyCompromised bool       // the key of a JWT
	ScopesNow      m2m.Scopes // the machine's scopes of this moment
}

// State is what has become of a token.
type State string

// The states. A token is good in none but Living, and there only for who the scope rule lets have it.
const (
	Living         State = "living"
	Revoked        State = "revoked"
	Expired        State = "expired"
	MachineDeleted State = "machine deleted"
	KeyCompromised State = "key compromised"
)

// State tells what has become of the token; the reason that was somebody's decision comes first.
func (s Sight) State() State {
	switch {
	case s.Revoked():
		return Revoked
	case !s.MachineLives:
		return MachineDeleted
	case s.KeyCompromised:
		return KeyCompromised
	case s.Dead:
		return Expired
	default:
		return Living
	}
}

// Desk is what the operator asks of storage, beside what machines ask.
type Desk interface {
	// TokenPage gives one page of a machine's tokens, living or not, wherever it stands. m2m.ErrMachineNotFound: no living machine of that id.
	TokenPage(ctx context.Context, q PageQuery) (Page, error)
	// Token gives one, of a deleted machine too. m2m.ErrNotFound: there is none of this id.
	Token(ctx context.Context, id m2m.TokenID) (Sight, error)
	// LivingTokens counts the tokens of each of these machines that are neither revoked nor expired, nor signed with a key that is
	// compromised, no further than most each.
	LivingTokens(ctx context.Context, ids []m2m.MachineID, most int) (map[m2m.MachineID]int, error)
	// RevokeMany revokes at most so many living tokens of a machine and tells how many there were, as of one transaction.
	// m2m.ErrMachineNotFound: no living machine of that id. Audit: "token.revoke_all", with the number and the reason, if there were any.
	RevokeMany(ctx context.Context, by m2m.Actor, machine m2m.MachineID, reason *string, most int) (int64, error)
	// RecordTokenBy is HotStore.RecordTokens for one token that the operator had made. Audit: "token.create".
	RecordTokenBy(ctx context.Context, by m2m.Actor, n NewRecord) error
}

// Page gives one page of a machine's tokens for the operator.
func (s *Service) Page(ctx context.Context, q PageQuery) (Page, error) {
	if _, ok := m2m.ParseMachineID(string(q.Machine)); !ok {
		return Page{}, m2m.ErrMachineNotFound
	}
	page, err := s.Desk.TokenPage(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("list tokens: %w", err)
	}
	return page, nil
}

// Look gives one token for the operator. m2m.ErrNotFound: there is none of this id.
func (s *Service) Look(ctx context.Context, id string) (Sight, error) {
	tid, ok := m2m.ParseTokenID(id)
	if !ok {
		return Sight{}, m2m.ErrNotFound
	}
	sight, err := s.Desk.Token(ctx, tid)
	if err != nil {
		return Sight{}, fmt.Errorf("look at token: %w", err)
	}
	return sight, nil
}

// Living counts the living tokens of machines, no further than CountedLiving each.
func (s *Service) Living(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]int, error) {
	counts, err := s.Desk.LivingTokens(ctx, ids, CountedLiving)
	if err != nil {
		return nil, fmt.Errorf("count living tokens: %w", err)
	}
	return counts, nil
}

// CountLiving counts all living tokens of a machine, however many they are and however long it takes: not while somebody waits.
func (s *Service) CountLiving(ctx context.Context, id m2m.MachineID) (int64, error) {
	counts, err := s.Desk.LivingTokens(ctx, []m2m.MachineID{id}, math.MaxInt)
	if err != nil {
		return 0, fmt.Errorf("count all living tokens: %w", err)
	}
	return int64(counts[id]), nil
}
