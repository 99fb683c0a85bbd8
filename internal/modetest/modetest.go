// Package modetest is one suite of promises for every mode of a token: whatever the format, a grant survives, a damaged token is
// refused, and no other kind of credential passes for one.
//
// It owns the promises that both modes share; what only one of them promises is tested beside it. It refuses to know the modes: a test
// hands them in. Start reading at Run.
package modetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Subject is a mode under test.
type Subject struct {
	Format m2m.Format
	Mode   m2m.Mode
	// Says gives the grant that a good token itself tells of. Nil: tokens of this mode say nothing, and what they mean is kept in a book,
	// under what Mint and Read give.
	Says func(b secret.Text) (m2m.Grant, error)
	// Foreign is a good token of the other mode.
	Foreign secret.Text
}

// Run holds the subject to every promise, each as a test of its own.
func Run(t *testing.T, s Subject) {
	t.Helper()
	t.Run("any grant round-trips", s.roundTrips)
	t.Run("one flipped bit is refused", s.refusesFlippedBits)
	t.Run("every change of one character is refused", s.refusesOneCharacterChanges)
	t.Run("other kinds of value are refused", s.refusesOtherKinds)
	t.Run("concurrent use", s.concurrentUse)
}

// book is what a database keeps of tokens: grants, by what Read gives.
type book map[m2m.Presented]m2m.Grant

// enter records a grant as minting it does.
func (b book) enter(s Subject, g m2m.Grant, minted m2m.Minted) {
	key := m2m.Presented{Format: s.Format, Hash: minted.Hash, KeyID: minted.KeyID}
	if s.Format == m2m.JWT {
		key.ID = g.ID
	}
	b[key] = g
}

// fatal is what testing.T and rapid.T have in common here.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (s Subject) mint(t fatal, g m2m.Grant) m2m.Minted {
	t.Helper()
	minted, err := s.Mode.Mint(context.Background(), g)
	if err != nil {
		t.Fatalf("mint %+v: %v", g, err)
	}
	return minted
}

// refuse holds that a string is refused as m2m.ErrRefused, with nothing of a token in the answer.
func (s Subject) refuse(t fatal, what string, b secret.Text) {
	t.Helper()
	got, err := s.Mode.Read(context.Background(), b, time.Time{})
	if !errors.Is(err, m2m.ErrRefused) || got != (m2m.Presented{}) {
		t.Fatalf("%s: read as %+v, %v", what, got, err)
	}
}
