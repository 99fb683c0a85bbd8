package tokens

// Cost of a verification here: one SHA-256 of the caller's credential, one of an opaque token or one signature check of a JWT, one
// store call. Nothing is cached and nothing is logged: revocation is instant because every answer comes from a commit.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Verify tells whether the holder of the credential caller may use this token, and bills it if so. m2m.ErrUnauthenticated: the
// caller is nobody. m2m.ErrRefused: the token is not good, or not for this caller; never why (R17). Anything else: cannot tell now.
func (s *Service) Verify(ctx context.Context, caller, token secret.Text) (m2m.Record, error) {
	return s.VerifyFor(ctx, secret.HashOf(caller), token)
}

// VerifyFor is Verify for a caller of whom the hash of its credential is known, and not the credential itself.
func (s *Service) VerifyFor(ctx context.Context, caller secret.Hash, token secret.Text) (m2m.Record, error) {
	presented, err := s.present(ctx, token, s.Now())
	if err != nil {
		return m2m.Record{}, err
	}
	verdicts, err := s.check(ctx, []Check{{Caller: caller, Token: presented}})
	if err != nil {
		return m2m.Record{}, err
	}
	if verdicts[0].Record == nil {
		return m2m.Record{}, m2m.ErrRefused
	}
	return *verdicts[0].Record, nil
}

// VerifyAll is Verify for many tokens and one caller, authenticated once. The answers are in the order of the tokens; nil is a
// refusal.
func (s *Service) VerifyAll(ctx context.Context, caller secret.Text, tokens []secret.Text) ([]*m2m.Record, error) {
	who := secret.HashOf(caller)
	// 1. Shape, and what the mode can tell by itself. All are asked about at one moment, so one look for unknown keys answers for all.
	asked := s.Now()
	checks := make([]Check, len(tokens))
	for i, t := range tokens {
		presented, err := s.present(ctx, t, asked)
		if err != nil {
			return nil, err
		}
		checks[i] = Check{Caller: who, Token: presented}
	}
	// 2. Caller, look-up, expiry, revocation, living machine, key, scope rule; counted in the same commit.
	verdicts, err := s.check(ctx, checks)
	if err != nil {
		return nil, err
	}
	// 3. The answer.
	out := make([]*m2m.Record, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.Record
	}
	return out, nil
}

// check asks the questions of one caller. There are as many answers as questions, or an error.
func (s *Service) check(ctx context.Context, checks []Check) ([]Verdict, error) {
	verdicts, err := s.Hot.CheckTokens(ctx, checks)
	if err != nil {
		return nil, fmt.Errorf("check tokens: %w", err)
	}
	if len(verdicts) != len(checks) {
		return nil, fmt.Errorf("check tokens: %d answers to %d questions: %w", len(verdicts), len(checks), m2m.ErrUnavailable)
	}
	for i := range verdicts {
		if !verdicts[i].CallerKnown {
			return nil, m2m.ErrUnauthenticated
		}
	}
	return verdicts, nil
}

// present dispatches by shape alone. A token that its mode refuses becomes the zero Token, which is found nowhere: its caller is
// authenticated and answered like anyone else, and it costs no look-up (R4).
func (s *Service) present(ctx context.Context, t secret.Text, asked time.Time) (Token, error) {
	mode := s.mode(m2m.ShapeOf(t))
	if mode == nil {
		return Token{}, nil
	}
	p, err := mode.Read(ctx, t, asked)
	if errors.Is(err, m2m.ErrRefused) {
		return Token{}, nil
	}
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	return p, nil
}
