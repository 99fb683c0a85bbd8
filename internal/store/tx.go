package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// attempts bounds how often a transaction is tried that PostgreSQL rolled back for a deadlock or a serialization failure.
const attempts = 5

// inTx runs do in one transaction that may write. It is tried again only when the server says that it undid the transaction itself; after a
// lost connection nobody knows, and m2m.ErrUnavailable says so. do must therefore bear being called twice. Errors are outward's.
func (d *DB) inTx(ctx context.Context, act string, do func(tx *gorm.DB) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return outward(act, err)
	}
	defer leave()
	for try := 1; ; try++ {
		err := d.gorm.WithContext(ctx).Transaction(do, d.dialect.write)
		if try < attempts && rolledBack(err) {
			continue
		}
		return outward(act, err)
	}
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

// Row locks. Neither stops the check of a foreign key, as FOR UPDATE would: a machine that is being changed still gets its tokens
// recorded.
var (
	forChange = clause.Locking{Strength: "NO KEY UPDATE"} //nolint:gochecknoglobals // constants of a library's type
	forShare  = clause.Locking{Strength: "SHARE"}         //nolint:gochecknoglobals // constants of a library's type
)
