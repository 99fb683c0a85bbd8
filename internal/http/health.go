package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// readyTimeout is how long a readiness probe may think.
const readyTimeout = 2 * time.Second

type health struct {
	Status string `json:"status"`
}

// healthz tells that the process is alive, and nothing of what it depends on.
func (a *api) healthz(x *exchange) error { return x.ok(health{Status: "ok"}) }

// readyz tells whether this process can serve. Why it cannot is in the log only.
func (a *api) readyz(x *exchange) error {
	ctx, cancel := context.WithTimeout(x.ctx(), readyTimeout)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		return fmt.Errorf("%w: not ready: %w", m2m.ErrUnavailable, err)
	}
	return x.ok(health{Status: "ready"})
}
