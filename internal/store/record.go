package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// RecordTokens satisfies tokens.HotStore. Costs one round trip and one commit for any number of tokens on PostgreSQL, a statement per
// token and one commit on SQLite.
func (d *DB) RecordTokens(ctx context.Context, items []tokens.NewRecord) ([]error, error) {
	errs := make([]error, len(items))
	good := make([]tokens.NewRecord, 0, len(items))
	place := make([]int, 0, len(items))
	ids := make(map[m2m.TokenID]bool, len(items))
	for i := range items {
		errs[i] = recordable(&items[i])
		if errs[i] == nil && ids[items[i].Grant.ID] {
			errs[i] = fmt.Errorf("record token: %w", m2m.ErrConflict)
		}
		if errs[i] == nil {
			ids[items[i].Grant.ID] = true
			good, place = append(good, items[i]), append(place, i)
		}
	}
	if len(good) == 0 {
		return errs, nil
	}
	outcomes, err := d.record(ctx, "record tokens", good, want{}, nil)
	if err != nil {
		return nil, err
	}
	for i, o := range outcomes {
		errs[place[i]] = o.err()
	}
	return errs, nil
}

// want is the condition under which a token is written at all: that none of this fingerprint is there with so much life left.
type want struct {
	fingerprint []byte // nil: no condition
	remaining   time.Duration
}

// rider is a statement that travels with a token in its transaction. It must do nothing where the token was not written.
type rider struct {
	query string
	args  []any
}

// lock is the number of the fingerprint's lock. Two fingerprints with one number wait for each other, no more.
func (w want) lock() int64 {
	return int64(binary.BigEndian.Uint64(w.fingerprint)) //nolint:gosec // G115: any 64 bits will do
}

// outcome is what became of one token.
type outcome struct {
	looked bool // false: the condition did not hold, nothing was written
	lives  bool // its machine
	signed bool // with the key that is active now, or not at all
	made   bool
}

func (o outcome) err() error {
	switch {
	case !o.lives:
		return m2m.ErrMachineNotFound
	case !o.signed:
		return m2m.ErrKeyNotActive
	case !o.made:
		return fmt.Errorf("record token: %w", m2m.ErrConflict)
	}
	return nil
}

func (d *DB) record(ctx context.Context, act string, items []tokens.NewRecord, w want, with *rider) (out []outcome, err error) {
	err = d.bill(ctx, act, func(s stamp) (err error) {
		if d.postgres() {
			out, err = d.recordPostgres(ctx, items, w, with, s)
		} else {
			out, err = d.recordSQLite(ctx, items, w, with, s)
		}
		return err
	})
	return out, err
}
