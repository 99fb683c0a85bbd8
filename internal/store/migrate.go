package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/dualmint/dualmint/internal/m2m"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

const (
	versionTable = "schema_version"
	// Replicas that start together migrate one after the other: they ask for the lock every second, for five minutes.
	lockPollSeconds = 1
	lockPolls       = 300
	// A migration that needs a gap between transactions looks for one so often and for so long.
	pauseForOthers       = 150 * time.Millisecond
	longestWaitForTables = 2 * time.Minute
)

// Migrate brings the schema to the version that this binary knows. Replicas may call it at the same time. A schema that is newer than
// this binary is refused and left alone.
func (d *DB) Migrate(ctx context.Context) error {
	if err := d.refuseNewer(ctx); err != nil {
		return err
	}
	if err := d.up(ctx); err != nil {
		if unavailable(err) {
			return fmt.Errorf("migrate: %w: %s", m2m.ErrUnavailable, safeText(err))
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "42501" {
			return fmt.Errorf("migrate: %s: the role must own the database, or be granted CREATE on schema public, and own the tables that are there; with "+
				"DUALMINT_MIGRATE=off only the role of \"dualmint migrate up\" needs that", safeText(err))
		}
		return fmt.Errorf("migrate: %s", safeText(err))
	}
	return d.refuseNewer(ctx) // while we waited for the lock, a newer binary may have had it
}

// up runs what is to be run. A migration that wants a table for itself waits for it no longer than 200 ms, for everybody queues behind it, and
// gives up sooner than PostgreSQL looks for deadlocks; it is tried until there is a gap. What ran before it is not run again.
func (d *DB) up(ctx context.Context) (err error) {
	on := d.sql
	if d.migrating != nil {
		on = stdlib.OpenDB(*d.migrating)
		defer func() { err = errors.Join(err, on.Close()) }()
	}
	for begun := d.now(); ; {
		p, err := d.provider(on)
		if err != nil {
			return err
		}
		if _, err = p.Up(ctx); !inTheWay(err) || d.now().Sub(begun) > longestWaitForTables {
			return err
		}
		select {
		case <-time.After(pauseForOthers):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inTheWay tells whether a migration met with somebody else's locks.
func inTheWay(err error) bool {
	const lockNotAvailable, deadlockDetected = "55P03", "40P01"
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == lockNotAvailable || pgErr.Code == deadlockDetected)
}

func (d *DB) refuseNewer(ctx context.Context) error {
	have, want, err := d.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("the database has schema version %d and this binary knows %d: it was migrated by a newer version of the "+
			"program, which has to be used", have, want)
	}
	return nil
}

// SchemaVersion tells which version the schema has (0: none yet) and which one this binary works with. It changes nothing.
func (d *DB) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	p, err := d.provider(d.sql)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range p.ListSources() {
		want = max(want, s.Version)
	}
	var there bool
	if err := d.sql.QueryRowContext(ctx, d.dialect.hasTable, versionTable).Scan(&there); err != nil {
		return 0, 0, outward("read the schema version", err)
	}
	if !there {
		return 0, want, nil
	}
	const highest = "SELECT COALESCE(MAX(version_id), 0) FROM " + versionTable + " WHERE is_applied"
	if err := d.sql.QueryRowContext(ctx, highest).Scan(&have); err != nil {
		return 0, 0, outward("read the schema version", err)
	}
	return have, want, nil
}

func (d *DB) provider(on *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations/"+d.dialect.name)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true)}
	if d.dialect.goose == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPollSeconds, lockPolls))
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(d.dialect.goose, on, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}
