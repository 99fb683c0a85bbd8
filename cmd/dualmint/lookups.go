package main

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// register is the store of machines, except that callers are looked up where verifications look them up: in groups, and within a bounded
// time.
type register struct {
	machines.Store
	hot tokens.HotStore
}

// Callers satisfies machines.SecretStore.
func (r register) Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error) {
	return r.hot.Callers(ctx, credentials)
}

// longestAlone bounds a transaction where nothing groups them, as the group's deadline does where something does.
const longestAlone = 5 * time.Second

// ungrouped is the hot path with grouping off.
type ungrouped struct{ tokens.HotStore }

// CheckTokens satisfies tokens.HotStore.
func (u ungrouped) CheckTokens(ctx context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, longestAlone)
	defer cancel()
	return u.HotStore.CheckTokens(ctx, checks)
}

// RecordTokens satisfies tokens.HotStore.
func (u ungrouped) RecordTokens(ctx context.Context, items []tokens.NewRecord) ([]error, error) {
	ctx, cancel := context.WithTimeout(ctx, longestAlone)
	defer cancel()
	return u.HotStore.RecordTokens(ctx, items)
}

// Callers satisfies tokens.HotStore.
func (u ungrouped) Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, longestAlone)
	defer cancel()
	return u.HotStore.Callers(ctx, credentials)
}
