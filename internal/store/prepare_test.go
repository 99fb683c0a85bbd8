package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/dualmint/dualmint/internal/m2m"
)

// refuser is a way to SQLite that does not prepare one statement, and counts those that are open.
type refuser struct {
	dsn     string
	refused string
	open    atomic.Int64
}

func (r *refuser) Driver() driver.Driver { return &sqlite.Driver{} }

func (r *refuser) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.Driver().Open(r.dsn)
	if err != nil {
		return nil, err
	}
	all, ok := conn.(everyConn)
	if !ok {
		return nil, errors.New("the driver's connection cannot do what it could")
	}
	return &refusingConn{all, r}, nil
}

type refusingConn struct {
	everyConn
	*refuser
}

func (c *refusingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if query == c.refused {
		return nil, errors.New("not this one")
	}
	s, err := c.everyConn.PrepareContext(ctx, query)
	if err == nil {
		c.open.Add(1)
	}
	return openStmt{s, c.refuser}, err
}

type openStmt struct {
	driver.Stmt
	*refuser
}

func (s openStmt) Close() error {
	s.open.Add(-1)
	return s.Stmt.Close()
}

func TestStatementsThatCannotAllBePreparedLeaveNoneOpen(t *testing.T) {
	r := &refuser{dsn: sqliteDSN(filepath.Join(t.TempDir(), "refusing.db")), refused: countSQLiteSQL}
	d, err := newDB(sql.OpenDB(r), sqliteDialect(), Options{ScopeRule: m2m.Live, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.writing = make(chan struct{}, 1)
	defer d.Close() //nolint:errcheck // a test
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 { // in ever another order
		if _, err := d.prepareHot(t.Context()); err == nil {
			t.Fatal("prepared all the same")
		}
		if n := r.open.Load(); n != 0 {
			t.Fatalf("%d statements are left open", n)
		}
	}
	r.refused = ""
	if _, err := d.prepareHot(t.Context()); err != nil {
		t.Error(err)
	}
}
