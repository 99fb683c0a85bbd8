package main

import (
	"context"
	"log/slog"
	"time"
)

const (
	forgetEvery = 10 * time.Minute
	forgetMost  = 1000 // tokens in one transaction
)

// forgetful is a database that can take the sealed forms from tokens that have expired.
type forgetful interface {
	ForgetExpired(ctx context.Context, most int) (int64, error)
}

// forgetExpired has the database forget, now and then, what will never be handed out again. Trouble is for the log: the next round comes.
func forgetExpired(ctx context.Context, db forgetful, logger *slog.Logger) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		for {
			n, err := db.ForgetExpired(ctx, forgetMost)
			if err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "expired tokens are not forgotten yet", "error", err)
			}
			if err != nil || n < forgetMost {
				break
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
