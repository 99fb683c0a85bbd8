package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// counter is a way to SQLite that counts what is sent, BEGIN and COMMIT included.
type counter struct {
	dsn  string
	sent atomic.Int64
}

func (c *counter) Driver() driver.Driver { return &sqlite.Driver{} }

func (c *counter) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	all, ok := conn.(everyConn)
	if !ok {
		return nil, errors.New("the driver's connection cannot do what it could")
	}
	return &countedConn{all, c}, nil
}

// everyConn is what the driver's connections can do, all of which is passed on, so that the pool treats ours as it treats theirs.
type everyConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

type countedConn struct {
	everyConn
	*counter
}

func (c *countedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.sent.Add(1)
	tx, err := c.everyConn.BeginTx(ctx, o)
	return countedTx{tx, c.counter}, err
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.everyConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	all, ok := s.(everyStmt)
	if !ok {
		return nil, errors.New("the driver's statement cannot do what it could")
	}
	return countedStmt{all, c.counter}, nil
}

func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.sent.Add(1)
	return c.everyConn.ExecContext(ctx, query, args)
}

func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.sent.Add(1)
	return c.everyConn.QueryContext(ctx, query, args)
}

type countedTx struct {
	driver.Tx
	*counter
}

func (tx countedTx) Commit() error {
	tx.sent.Add(1)
	return tx.Tx.Commit()
}

type everyStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type countedStmt struct {
	everyStmt
	*counter
}

func (s countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.sent.Add(1)
	return s.everyStmt.ExecContext(ctx, args)
}

func (s countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.sent.Add(1)
	return s.everyStmt.QueryContext(ctx, args)
}

func counted(t *testing.T) (*DB, *counter) {
	t.Helper()
	c := &counter{dsn: sqliteDSN(filepath.Join(t.TempDir(), "counted.db"))}
	d, err := newDB(sql.OpenDB(c), sqliteDialect(), Options{ScopeRule: m2m.Live, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.writing = make(chan struct{}, 1)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d, c
}

// However many checks a batch has, it is as many statements: look up, stamp the writer, count, touch what is due.
func TestABatchOnSQLiteIsAHandfulOfStatements(t *testing.T) {
	d, c := counted(t)
	checks := population(t, d, 1000, 4)
	hot(t, d).Exec("UPDATE tokens SET last_used_at = NULL")
	nobodys := []tokens.Check{{Caller: checks[0].Caller}, {Token: checks[0].Token}}
	do := func(list []tokens.Check) func() error {
		return func() error { _, err := d.CheckTokens(t.Context(), list); return err }
	}
	record := func(seeds ...string) func() error {
		return func() error {
			list := make([]tokens.NewRecord, len(seeds))
			for i, seed := range seeds {
				list[i] = newToken(seed)
			}
			_, err := d.RecordTokens(t.Context(), list)
			return err
		}
	}
	if err := do(checks[:1])(); err != nil { // gives the writer its row
		t.Fatal(err)
	}
	for _, s := range []struct {
		name string
		want int64
		call func() error
	}{
		{"the first use of 128 tokens", 6, do(checks[:128])}, // BEGIN and COMMIT among them
		{"the next", 5, do(checks[:128])},
		{"of 256", 5, do(append(checks[:128:128], checks[:128]...))},
		{"a lone one", 5, do(checks[:1])},
		{"refusals only", 3, do(nobodys)},
		{"a creation", 6, record("a")},
		{"three creations", 10, record("b", "c", "d")},
		{"callers", 1, func() error { _, err := d.Callers(t.Context(), []secret.Hash{checks[0].Caller}); return err }},
	} {
		before := c.sent.Load()
		if err := s.call(); err != nil {
			t.Fatal(err)
		}
		if got := c.sent.Load() - before; got != s.want {
			t.Errorf("%s: %d statements, want %d", s.name, got, s.want)
		}
	}
}

// The same on PostgreSQL is one statement, whatever the verdicts are, and it looks for JWTs only where there is one.
func TestABatchOnPostgreSQLIsOneStatement(t *testing.T) {
	seen := new(statements)
	d := openHot(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync), Options{Writers: 1, tracer: seen})
	checks := population(t, d, 1000, 4)
	hot(t, d).Exec("UPDATE tokens SET last_used_at = NULL")
	if _, err := d.CheckTokens(t.Context(), checks[:1]); err != nil { // gives the writer its row
		t.Fatal(err)
	}
	signed := tokens.Check{Caller: checks[0].Caller, Token: m2m.Presented{
		Format: m2m.JWT, ID: m2m.NewTokenID(), KeyID: m2m.KeyID(strings.Repeat("k", 43)),
	}}
	for name, c := range map[string]struct {
		checks    []tokens.Check
		statement string
	}{
		"a lone one":             {checks[1:2], checkOpaqueSQL},
		"the first use of 256":   {checks[2:258], checkOpaqueSQL},
		"refusals only":          {[]tokens.Check{{Caller: checks[0].Caller}, {Token: checks[0].Token}}, checkOpaqueSQL},
		"a JWT among the others": {append([]tokens.Check{signed}, checks[1:9]...), checkPostgresSQL},
	} {
		seen.seen = nil
		if _, err := d.CheckTokens(t.Context(), c.checks); err != nil {
			t.Fatal(err)
		}
		if len(seen.seen) != 1 || seen.seen[0] != c.statement {
			t.Errorf("%s: %s", name, fmt.Sprint(len(seen.seen), " statements: ", seen.seen))
		}
	}
}
