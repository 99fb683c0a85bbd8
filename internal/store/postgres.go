package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresConns      = 20
	oldestPostgres     = 130000 // as server_version_num has it
	connectTimeout     = 5 * time.Second
	connectionLifetime = 30 * time.Minute // so that connections move back to a server that returned
	connectionIdleTime = 5 * time.Minute
)

// openPostgres opens a pool on a server.
func openPostgres(ctx context.Context, o Options) (*DB, error) {
	conf, err := pgx.ParseConfig(o.URL)
	if err != nil {
		// pgx repeats the address, and hides the password only as well as it can read what it cannot read.
		return nil, errors.New("open database: the postgres:// address cannot be read; a password in it must be percent-encoded")
	}
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
	if conf.RuntimeParams["application_name"] == "" {
		conf.RuntimeParams["application_name"] = "dualmint"
	}
	steadyPlans(conf, o.tracer)
	pool := stdlib.OpenDB(*conf, stdlib.OptionResetSession(freshPlans(o.Now)))
	conns := postgresConns
	if o.MaxConns > 0 {
		conns = o.MaxConns
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(connectionLifetime)
	pool.SetConnMaxIdleTime(connectionIdleTime)
	d, err := newDB(pool, postgresDialect(), o)
	if err == nil {
		d.migrating = conf.Copy()
		// An index takes its time to build, whatever the address or the role allow a statement.
		d.migrating.RuntimeParams["statement_timeout"], d.migrating.RuntimeParams["lock_timeout"] = "0", "0"
		err = d.checkServer(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return d, nil
}

// checkServer refuses a server that could not keep the promises.
func (d *DB) checkServer(ctx context.Context) error {
	var version int
	var encoding, commit string
	const sql = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('synchronous_commit')"
	if err := d.sql.QueryRowContext(ctx, sql).Scan(&version, &encoding, &commit); err != nil {
		if loginRefused(err) { // not a matter of waiting
			return fmt.Errorf("open database: %s", safeText(err))
		}
		return outward("open database", err)
	}
	if version < oldestPostgres {
		return fmt.Errorf("open database: PostgreSQL %d is too old, 13 is the oldest that will do", version/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("open database: its encoding is %s, and names need UTF8", encoding)
	}
	if commit == "off" {
		return errors.New("open database: synchronous_commit is off, so a crash of the server could undo what was answered, revocations " +
			"among it: turn it on for this role or database, or add synchronous_commit=on to the address")
	}
	return nil
}
