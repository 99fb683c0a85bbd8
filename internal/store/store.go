// Package store keeps everything that outlives a process: in SQLite for one process, in PostgreSQL for any number of them.
//
// It is the only package that knows gorm and SQL, and it keeps the promises written at the Store interfaces of the packages that use it;
// internal/storetest holds both databases to them. It refuses to decide anything: policy is level 1's. Its invariants: a public
// method is one transaction; a change and its audit entry (and what is billed for it) commit together; uniqueness is the schema's
// business; no error of gorm or of a driver leaves, "cannot tell now" is always m2m.ErrUnavailable; nothing that is logged holds a value.
// Start reading at Open, then tx.go and errors.go, then one file per concept.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Options say which database and how to use it.
type Options struct {
	URL       string // sqlite:PATH, or postgres://... as libpq has it
	ScopeRule m2m.ScopeRule
	Now       func() time.Time
	Logger    *slog.Logger // nil: silent
	MaxConns  int          // 0: a default that suits the database
	Writers   int          // transactions that bill at the same time; 0: a default that suits the database

	tracer pgx.QueryTracer // sees every statement that goes to PostgreSQL; for tests
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	gorm      *gorm.DB
	sql       *sql.DB
	dialect   dialect
	scopeRule m2m.ScopeRule
	now       func() time.Time
	logger    *slog.Logger

	// writing is held by the one transaction that writes to a SQLite file, so that the others wait in line, each as long as its context
	// allows, instead of racing for the file's lock. Nil on PostgreSQL.
	writing chan struct{}

	writers *writers      // who bills
	hot     preparedCache // of SQLite

	migrating *pgx.ConnConfig // how migrations connect. Nil on SQLite.

	slowestChange time.Duration // of the signing keys, from the date of a step to its last statement

	closing sync.Once
	release func() error // gives the file back to other processes
}

// Open connects to the database and looks whether it can be used: the server's version and encoding, or that no other process has the
// file. It changes nothing in it; Migrate does. An error never shows a password.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.ScopeRule != m2m.Live && o.ScopeRule != m2m.Snapshot {
		return nil, fmt.Errorf("open database: no such scope rule: %q", o.ScopeRule)
	}
	if o.Now == nil {
		return nil, errors.New("open database: no clock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if path, ok := strings.CutPrefix(o.URL, "sqlite:"); ok {
		return openSQLite(ctx, path, o)
	}
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		return openPostgres(ctx, o)
	}
	return nil, errors.New("open database: the address is neither a sqlite:PATH nor a postgres:// URL")
}

// newDB joins a pool and a dialect.
func newDB(pool *sql.DB, d dialect, o Options) (*DB, error) {
	g, err := gorm.Open(d.gorm(pool), &gorm.Config{
		SkipDefaultTransaction: true, // transactions are ours to open: inTx
		TranslateError:         true,
		DisableAutomaticPing:   true,
		Logger:                 gormLogger{o.Logger},
		NowFunc:                o.Now,
		// PrepareStmt stays off: pgx caches statements by itself, the hot path of SQLite keeps its own, and with gorm's cache Row panics
		// when a statement cannot be prepared.
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %s", safeText(err))
	}
	return &DB{
		gorm: g, sql: pool, dialect: d, scopeRule: o.ScopeRule, now: o.Now, logger: o.Logger,
		writers: newWriters(writerCount(d, o)), slowestChange: slowestChange,
		release: func() error { return nil },
	}, nil
}

// Ping tells whether the database answers. Its error wraps m2m.ErrUnavailable.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.sql.PingContext(ctx); err != nil {
		return fmt.Errorf("ping database: %w: %s", m2m.ErrUnavailable, safeText(err))
	}
	return nil
}

// ClockSkew tells how far the database's clock is ahead of this process's. The journey of the question is part of the error of measurement:
// half of it at most.
func (d *DB) ClockSkew(ctx context.Context) (time.Duration, error) {
	asked := d.now()
	at, err := d.clock(d.gorm.WithContext(ctx))
	if err != nil {
		return 0, outward("read the database's clock", err)
	}
	answered := d.now()
	return fromMillis(at).Sub(asked.Add(answered.Sub(asked) / 2)), nil
}

// clock reads the database's clock, in Unix milliseconds.
func (d *DB) clock(tx *gorm.DB) (int64, error) {
	var at int64
	err := tx.Raw("SELECT " + d.dialect.now).Find(&at).Error
	return at, err
}

// Close gives back everything. Calls that are under way fail or finish; later ones answer m2m.ErrUnavailable.
func (d *DB) Close() error {
	var err error
	d.closing.Do(func() {
		if closeErr := errors.Join(d.sql.Close(), d.release()); closeErr != nil {
			err = fmt.Errorf("close database: %s", safeText(closeErr))
		}
	})
	return err
}
