package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/dualmint/dualmint/internal/config"
)

// newLogger writes lines of the configured form from the configured level on.
func newLogger(w io.Writer, c config.Config) *slog.Logger {
	return slog.New(newHandler(w, c, c.LogLevel))
}

func newHandler(w io.Writer, c config.Config, level slog.Leveler) slog.Handler {
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == config.LogJSON {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// atLeast is a handler that is deaf below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

func (h atLeast) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(a), h.level}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
