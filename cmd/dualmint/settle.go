package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// settleWithin is how long the end waits to learn what became of transactions whose answer was lost.
const settleWithin = 2 * time.Second

// ledger is what closeBooks needs of the database.
type ledger interface {
	Settle(ctx context.Context) error
	Unknown() (committed, dropped int64)
	Close() error
}

// close is the end of a service after its last request.
func (s *service) close(ctx context.Context, logger *slog.Logger) error {
	return closeBooks(ctx, s.db, logger)
}

// closeBooks closes the database. Before that it looks up transactions whose answer was lost, and says how many there were: callers were
// told "cannot tell", and what was committed is on the bill.
func closeBooks(ctx context.Context, db ledger, logger *slog.Logger) error {
	settling, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	if err := db.Settle(settling); err != nil {
		logger.WarnContext(ctx, "some transactions whose answer was lost could not be looked up", "error", err)
	}
	if committed, dropped := db.Unknown(); committed+dropped > 0 {
		logger.WarnContext(ctx, "transactions whose answer was lost", "committed_and_billed", committed, "not_committed", dropped)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
