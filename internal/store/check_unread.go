package store

import (
	"context"

	"gorm.io/gorm"
)

// A row that cannot be read is refused, and a refusal costs nothing. SQLite's rows are read before anything is billed. PostgreSQL bills in
// the statement that finds them, and cannot read a row as we do; so what was billed for one is taken back in the next transaction. That
// costs nothing while every row can be read; to judge each row in the statement would cost every verification. A process that is killed
// between the two leaves one batch's checks of that row billed, and the log says which row it was.

// takeBackSQL lowers the one row of usage that a question was billed to, by its primary key. It does not wait: the row is this writer's.
const (
	takeBackSQL = `UPDATE usage SET count = count - ? WHERE count > ? AND ` + billedSQL
	takeAllSQL  = `DELETE FROM usage WHERE count <= ? AND ` + billedSQL
	billedSQL   = `hour = ? AND machine_id = ? AND operation = 'verify' AND format = ? AND writer = ?
  AND receiver_id = coalesce((SELECT machine_id FROM machine_secrets WHERE hash = ?), '')`
)

// takeBack corrects what checkPostgresSQL billed for rows that cannot be read. It runs while the writer is still this call's own.
func (d *DB) takeBack(ctx context.Context, q inquiry, found []finding, s stamp) {
	for i := range found {
		u := found[i].unread
		if u == nil {
			continue
		}
		d.tellUnread(ctx, u)
		times, caller := q.questions[i].times, q.callers[q.questions[i].caller]
		err := d.inTx(ctx, "take back what was billed", func(tx *gorm.DB) error {
			row := []any{u.now - u.now%hourMillis, u.machine, u.format, s.writer, caller[:]}
			done := tx.Exec(takeBackSQL, append([]any{times, times}, row...)...)
			if done.Error != nil || done.RowsAffected > 0 {
				return done.Error
			}
			return tx.Exec(takeAllSQL, append([]any{times}, row...)...).Error
		})
		if err != nil {
			d.logger.ErrorContext(ctx, "a refused token stays billed", "token", u.id, "times", times, "error", err)
		}
	}
}

func (d *DB) tellUnread(ctx context.Context, u *unread) {
	d.logger.ErrorContext(ctx, "the row of a token cannot be read: the token is refused", "token", u.id)
}
