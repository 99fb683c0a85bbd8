package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/dualmint/dualmint/internal/m2m"
)

// attempts bounds how often a transaction is tried that PostgreSQL rolled back for a deadlock or a serialization failure.
const attempts = 5

// inTx runs do in one transaction that may write. It is tried again only when the server says that it undid the transaction itself; after a
// lost connection, or a commit that the server warns about, nobody knows, and m2m.ErrUnavailable says so. do must therefore bear being
// called twice. Errors are outward's.
func (d *DB) inTx(ctx context.Context, act string, do func(tx *gorm.DB) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return outward(act, err)
	}
	defer leave()
	for try := 1; ; try++ {
		err := d.gorm.WithContext(ctx).Connection(func(on *gorm.DB) error { return d.confirmed(on, do) })
		if try < attempts && rolledBack(err) {
			continue
		}
		return outward(act, err)
	}
}

// confirmed runs do in one transaction on one connection. nil: it is committed, and the standbys that the server has to wait for have it
// too. An error of the commit itself proves nothing unless the server says that it undid it.
func (d *DB) confirmed(on *gorm.DB, do func(tx *gorm.DB) error) error {
	quiet, err := d.listen(on)
	if err != nil {
		return err
	}
	committing := false
	err = on.Transaction(func(tx *gorm.DB) error {
		err := do(tx)
		committing = err == nil
		return err
	}, d.dialect.write)
	if err == nil {
		err = quiet()
	}
	if err == nil || !committing || undone(err) || unavailable(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: outcome of the commit unknown: %s", m2m.ErrUnavailable, safeText(err))
}

// listen forgets the warnings that a connection has had so far. quiet tells whether there were new ones (errWarned). SQLite has none.
func (d *DB) listen(on *gorm.DB) (quiet func() error, err error) {
	if !d.postgres() {
		return func() error { return nil }, nil
	}
	pooled, ok := on.Statement.ConnPool.(*sql.Conn)
	if !ok {
		return nil, errors.New("not one connection")
	}
	forget := func(c *pgx.Conn) error {
		delete(c.PgConn().CustomData(), warned)
		return nil
	}
	return func() error { return onPgx(pooled, heardNothing) }, onPgx(pooled, forget)
}

// inSnapshot runs do in one transaction that only reads and sees one moment.
func (d *DB) inSnapshot(ctx context.Context, act string, do func(tx *gorm.DB) error) error {
	return outward(act, d.gorm.WithContext(ctx).Transaction(do, d.dialect.read))
}

// enter waits until this is the one transaction that writes to a SQLite file. On PostgreSQL there is nothing to wait for.
func (d *DB) enter(ctx context.Context) (leave func(), err error) {
	if d.writing == nil {
		return func() {}, nil
	}
	select {
	case d.writing <- struct{}{}:
		return func() { <-d.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Row locks. Neither stops the check of a foreign key, as FOR UPDATE would: a machine that is being changed still gets its scopes and
// secrets.
var (
	forChange = clause.Locking{Strength: "NO KEY UPDATE"} //nolint:gochecknoglobals // constants of a library's type
	forShare  = clause.Locking{Strength: "SHARE"}         //nolint:gochecknoglobals // constants of a library's type
)
