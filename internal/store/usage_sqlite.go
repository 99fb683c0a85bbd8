package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/dualmint/dualmint/internal/m2m"
)

// The hot statements of SQLite are compiled once per connection and kept: compiling one costs as much as running it on a hundred tokens.
type hotStatements struct {
	check, touch, stamp, count, signer, insert, lives, reusable *sql.Stmt
}

// preparedCache holds them, from the first use on.
type preparedCache struct {
	sync.Mutex
	statements *hotStatements
}

func (d *DB) prepareHot(ctx context.Context) (*hotStatements, error) {
	d.hot.Lock()
	defer d.hot.Unlock()
	if d.hot.statements != nil {
		return d.hot.statements, nil
	}
	var h hotStatements
	made := make([]*sql.Stmt, 0, 8)
	for text, into := range map[string]**sql.Stmt{
		checkSQLiteSQL: &h.check, touchSQLiteSQL: &h.touch, stampSQLiteSQL: &h.stamp, countSQLiteSQL: &h.count,
		signerSQLiteSQL: &h.signer, insertSQLiteSQL: &h.insert, livesSQLiteSQL: &h.lives, reusableSQLiteSQL: &h.reusable,
	} {
		s, err := d.sql.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept until the pool is closed
		if err != nil {
			for _, s := range made { // the next call makes all of them again
				err = errors.Join(err, s.Close())
			}
			return nil, fmt.Errorf("prepare: %w", err)
		}
		*into, made = s, append(made, s)
	}
	d.hot.statements = &h
	return &h, nil
}

// hotTx is an IMMEDIATE transaction with the prepared statements at hand.
type hotTx struct {
	*sql.Tx
	hot *hotStatements
}

func (tx *hotTx) exec(ctx context.Context, s *sql.Stmt, args ...any) (sql.Result, error) {
	return tx.StmtContext(ctx, s).ExecContext(ctx, args...) //nolint:sqlclosecheck // ends with the transaction
}

func (tx *hotTx) query(ctx context.Context, s *sql.Stmt, args ...any) (*sql.Rows, error) {
	return tx.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // ends with the transaction
}

func (tx *hotTx) row(ctx context.Context, s *sql.Stmt, args ...any) *sql.Row {
	return tx.StmtContext(ctx, s).QueryRowContext(ctx, args...) //nolint:sqlclosecheck // ends with the transaction
}

// billSQLite runs one transaction. Once it has begun it takes no notice of ctx: it is short, and an interrupted COMMIT would leave
// everyone in doubt.
func (d *DB) billSQLite(ctx context.Context, do func(ctx context.Context, tx *hotTx) error) error {
	hot, err := d.prepareHot(ctx)
	if err != nil {
		return uncommitted{err}
	}
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		return uncommitted{err}
	}
	defer conn.Close() //nolint:errcheck // gives the connection back
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return uncommitted{fmt.Errorf("begin: %w", err)}
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := do(ctx, &hotTx{Tx: tx, hot: hot}); err != nil {
		return uncommitted{err}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// stampSQLiteSQL moves a writer on, by its primary key, unless its epoch was raised.
const stampSQLiteSQL = `UPDATE writers SET seq = ?1 WHERE id = ?2 AND epoch = ?3`

// countSQLiteSQL adds to usage rows by their primary key. No two of the rows it is given have the same key.
const countSQLiteSQL = `
INSERT INTO usage (hour, machine_id, receiver_id, operation, format, writer, count)
SELECT ?1, value ->> 0, value ->> 1, ?2, value ->> 2, ?3, value ->> 3 FROM json_each(?4) WHERE true
ON CONFLICT (hour, machine_id, receiver_id, operation, format, writer) DO UPDATE SET count = count + excluded.count`

// billKey is what one row of usage is about, beside hour, operation and writer.
type billKey struct{ machine, receiver, format string }

// bill is what a transaction counts.
type bill map[billKey]int64

// bill counts, in the hour of now, what the transaction did. errStale: the writer may not.
func (tx *hotTx) bill(ctx context.Context, s stamp, now int64, op m2m.Operation, b bill) error {
	done, err := tx.exec(ctx, tx.hot.stamp, s.seq, s.writer, s.epoch)
	if err != nil {
		return fmt.Errorf("stamp: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errStale
	}
	rows := make([][4]any, 0, len(b))
	for k, n := range b {
		rows = append(rows, [4]any{k.machine, k.receiver, k.format, n})
	}
	_, err = tx.exec(ctx, tx.hot.count, now-now%hourMillis, string(op), s.writer, jsonOf(rows))
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

const hourMillis = 3_600_000

// jsonOf is for values of strings and numbers, which always have a JSON form.
func jsonOf(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}
