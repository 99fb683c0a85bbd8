package main

import (
	"context"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/tokens"
)

// counters is where the dashboard's tally counts.
type counters struct {
	tokens *tokens.Service
	keys   *keys.Keeper
}

func (c counters) count(ctx context.Context, of tokens.Counted) (int64, error) {
	if of.Key != "" {
		return c.keys.CountSigned(ctx, of.Key)
	}
	return c.tokens.CountLiving(ctx, of.Machine)
}
