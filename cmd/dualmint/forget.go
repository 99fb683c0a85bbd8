package main

import (
	"context"
	"log/slog"
	"time"
)

const (
	forgetEvery = 10 * time.Minute
	forgetMost  = 1000 // rows in one transaction
)

// forgetful is a database that can take the sealed forms from tokens, and the uses of client assertions, that have expired.
type forgetful interface {
	ForgetExpired(ctx context.Context, most int) (int64, error)
	ForgetAssertions(ctx context.Context, most int) (int64, error)
}

// forgetExpired has the database forget, now and then, what nobody will ask for again. Trouble is for the log: the next round comes.
func forgetExpired(ctx context.Context, db forgetful, logger *slog.Logger) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		forgetAll(ctx, "tokens", db.ForgetExpired, logger)
		forgetAll(ctx, "client assertions", db.ForgetAssertions, logger)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// forgetAll forgets as long as there is more.
func forgetAll(ctx context.Context, what string, forget func(ctx context.Context, most int) (int64, error), logger *slog.Logger) {
	for {
		n, err := forget(ctx, forgetMost)
		if err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "what has expired is not forgotten yet", "what", what, "error", err)
		}
		if err != nil || n < forgetMost {
			return
		}
	}
}
