package tokens

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// reuse hands out an equal token that still lives long enough, or mints one that can be handed out again. A token handed out
// again is not billed again. One that does not open counts as absent: its row was damaged, or sealed under a master key that this process
// does not have, and neither is a reason to refuse the caller.
func (s *Service) reuse(ctx context.Context, p plan) (Issued, error) {
	fp := p.fingerprint()
	draw := func(ctx context.Context) (m2m.Minted, NewRecord, error) {
		minted, record, err := s.draw(ctx, p)
		if err == nil {
			record.Reuse = &Reusable{Fingerprint: fp, Sealed: s.Sealer.Seal(ReusePlace(record.Grant.ID), []byte(minted.Bearer.Reveal()))}
		}
		return minted, record, err
	}
	record, sealed, err := s.findOrMint(ctx, fp, p, func(ctx context.Context) (NewRecord, error) {
		_, record, err := draw(ctx)
		return record, err
	})
	if err != nil {
		return Issued{}, err
	}
	plain, err := s.Sealer.Open(ReusePlace(record.ID), sealed)
	if err != nil {
		return s.mint(ctx, draw, s.recordOne)
	}
	return Issued{Record: record, Bearer: secret.Text(plain)}, nil
}

func (s *Service) findOrMint(ctx context.Context, fp secret.Hash, p plan, mint func(context.Context) (NewRecord, error)) (m2m.Record, secret.Sealed, error) {
	for attempt := 1; ; attempt++ {
		record, sealed, _, err := s.Store.ReuseToken(ctx, fp, p.minRemaining, mint)
		switch {
		case err == nil:
			return record, sealed, nil
		case errors.Is(err, m2m.ErrKeyNotActive) && attempt < signings:
			if err := s.RefreshKeys(ctx); err != nil {
				return m2m.Record{}, secret.Sealed{}, fmt.Errorf("refresh signing keys: %w", err)
			}
		default:
			return m2m.Record{}, secret.Sealed{}, recordError(err)
		}
	}
}

// fingerprint tells equal tokens: the same machine, format, claims (RFC 8785 form; null is not {}) and set of scopes.
func (p plan) fingerprint() secret.Hash {
	scopes := slices.Clone(p.machine.Scopes)
	slices.Sort(scopes)
	claims := string(p.claims)
	if p.claims == nil {
		claims = "null"
	}
	return sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s", p.machine.ID, p.format, scopes, claims))
}
