package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/dualmint/dualmint/internal/secret"
)

// Costs one round trip and one commit a batch; allocates two arrays for the questions and one piece for their hashes, and two arrays more with JWTs.

// checkPostgres sends the batch as one statement.
func (d *DB) checkPostgres(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	args := append(q.postgresArgs(), string(d.scopeRule), s.writer, s.epoch, s.seq)
	sql := checkOpaqueSQL
	if q.signed() {
		ids, kids := q.signedArgs()
		sql, args = checkPostgresSQL, append(args, ids, kids)
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

// byteas is a bytea[] argument. A plain slice of slices pgx would read by reflection.
type byteas = pgtype.FlatArray[[]byte]

// signed tells whether a JWT is among the questions.
func (q inquiry) signed() bool {
	return slices.ContainsFunc(q.questions, func(a question) bool { return a.token.ID != "" })
}

// postgresArgs lays the batch out in parallel arrays, the hashes in one piece: thirty-two bytes each, whichever they are (R11). The hash of
// nobody travels as NULL, which equals nothing; the statement makes the same of the zero token's (R4).
func (q inquiry) postgresArgs() []any {
	callers := make(byteas, len(q.callers))
	for i := range q.callers {
		callers[i] = bytesOrNil(&q.callers[i])
	}
	n := len(q.questions)
	by, times, hashes := make([]int32, n), make([]int32, n), make([]byte, 0, n*len(secret.Hash{}))
	for i := range q.questions {
		a := &q.questions[i]
		by[i], times[i] = int32(a.caller)+1, int32(a.times) //nolint:gosec // G115: a batch is far smaller
		hashes = append(hashes, a.token.Hash[:]...)
	}
	return []any{wireFormat, callers, by, hashes, times}
}

// signedArgs are what JWTs are found by, in parallel arrays, too.
func (q inquiry) signedArgs() (ids, kids []string) {
	ids, kids = make([]string, len(q.questions)), make([]string, len(q.questions))
	for i := range q.questions {
		ids[i], kids[i] = string(q.questions[i].token.ID), string(q.questions[i].token.KeyID)
	}
	return ids, kids
}
