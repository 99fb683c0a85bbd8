package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Costs one round trip and one commit a batch; allocates parallel arrays for the questions and, for each good one, its columns.

// checkPostgres sends the batch as one statement.
func (d *DB) checkPostgres(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	args := append(q.postgresArgs(), string(d.scopeRule), s.writer, s.epoch, s.seq)
	sql := checkOpaqueSQL
	if q.signed() {
		sql = checkPostgresSQL
	}
	found := make([]finding, len(q.questions))
	err := d.billPgx(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		stale, err := readVerdicts(rows, found)
		rows.Close()
		if err := rows.Err(); err != nil { // of the commit, too
			return fmt.Errorf("read: %w", err)
		}
		if err == nil && stale {
			return errStale
		}
		return err
	})
	if err == nil {
		d.takeBack(ctx, q, found, s)
	}
	return found, err
}

// signed tells whether a JWT is among the questions.
func (q inquiry) signed() bool {
	return slices.ContainsFunc(q.questions, func(a question) bool { return a.token.ID != "" })
}

// postgresArgs lays the batch out in parallel arrays. The zero hash travels as NULL, which equals nothing: nobody and the zero token
// are found nowhere (R4).
func (q inquiry) postgresArgs() []any {
	callers := make([][]byte, len(q.callers))
	for i := range q.callers {
		callers[i] = bytesOrNil(&q.callers[i])
	}
	n := len(q.questions)
	by, times := make([]int32, n), make([]int64, n)
	hashes, ids, kids := make([][]byte, n), make([]string, n), make([]string, n)
	for i := range q.questions {
		a := &q.questions[i]
		by[i], times[i] = int32(a.caller)+1, a.times //nolint:gosec // G115: a batch is far smaller than an int32
		hashes[i], ids[i], kids[i] = bytesOrNil(&a.token.Hash), string(a.token.ID), string(a.token.KeyID)
	}
	return []any{wireFormat, callers, by, hashes, ids, kids, times}
}
