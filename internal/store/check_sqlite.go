package store

import (
	"context"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Costs one look-up for the batch, three writes if something was good, and one commit.

// checkSQLite bills what it found good before it returns.
func (d *DB) checkSQLite(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	found := make([]finding, len(q.questions))
	err := d.billSQLite(ctx, func(ctx context.Context, tx *hotTx) error {
		now, bill, due, err := d.readSQLite(ctx, tx, q, found)
		if err != nil || len(bill) == 0 {
			return err
		}
		if err := tx.bill(ctx, s, now, m2m.OpVerify, bill); err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
		if _, err := tx.exec(ctx, tx.hot.touch, now, jsonOf(due)); err != nil {
			return fmt.Errorf("touch tokens: %w", err)
		}
		return nil
	})
	return found, err
}

func (d *DB) readSQLite(ctx context.Context, tx *hotTx, q inquiry, found []finding) (now int64, bill bill, due []string, err error) {
	rows, err := tx.query(ctx, tx.hot.check, jsonHashes(q.callers), q.sqliteQuestions(), string(d.scopeRule))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("look up: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	bill = make(map[billKey]int64, len(found))
	touched := map[string]bool{}
	records := make([]m2m.Record, len(found))
	for rows.Next() {
		var n int
		var receiver string
		var t nullableRow
		if err := rows.Scan(append([]any{&n, &receiver, &now}, t.targets()...)...); err != nil {
			return 0, nil, nil, fmt.Errorf("read: %w", err)
		}
		if n < 0 || n >= len(found) {
			return 0, nil, nil, fmt.Errorf("answer to question %d of %d", n, len(found))
		}
		found[n].known = true
		if !t.id.Valid {
			continue
		}
		row, isDue := t.row(now)
		if !found[n].read(&row, now, &records[n]) {
			d.tellUnread(ctx, found[n].unread)
			continue
		}
		bill[billKey{machine: t.machine.String, receiver: receiver, format: t.format.String}] += q.questions[n].times
		if isDue && !touched[t.id.String] {
			touched[t.id.String] = true
			due = append(due, t.id.String)
		}
	}
	return now, bill, due, rows.Err()
}
