package store

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm/logger"
)

const slowStatement = time.Second

// gormLogger takes what gorm has to say. It never asks for a statement's text, which gorm would fill with its values (R61): a failed
// statement is reported by whoever gets the error, a slow one by its time.
type gormLogger struct{ out *slog.Logger }

// LogMode has no modes: the level is the handler's.
func (l gormLogger) LogMode(logger.LogLevel) logger.Interface { return l }

// Info passes gorm's sentence on without what it would fill in.
func (l gormLogger) Info(ctx context.Context, sentence string, _ ...any) {
	l.out.InfoContext(ctx, "gorm reports", "sentence", sentence)
}

// Warn passes gorm's sentence on without what it would fill in.
func (l gormLogger) Warn(ctx context.Context, sentence string, _ ...any) {
	l.out.WarnContext(ctx, "gorm warns", "sentence", sentence)
}

// Error passes gorm's sentence on without what it would fill in.
func (l gormLogger) Error(ctx context.Context, sentence string, _ ...any) {
	l.out.ErrorContext(ctx, "gorm fails", "sentence", sentence)
}

// Trace reports slow statements.
func (l gormLogger) Trace(ctx context.Context, begin time.Time, _ func() (string, int64), err error) {
	if took := time.Since(begin); took >= slowStatement {
		l.out.WarnContext(ctx, "slow statement", "took_ms", took.Milliseconds(), "failed", err != nil)
	}
}

// ParamsFilter takes the values away, should a statement's text be made after all.
func (gormLogger) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}
