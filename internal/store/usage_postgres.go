package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// steadyPlans prepares a connection for the hot statements. They are planned once for all parameters (planning one costs several
// times as much as running it) and only ever with indexes, whatever the statistics of a table that has just begun to grow say; a transaction
// whose client has vanished lets go of its locks; a statement outside a transaction sees what was committed before it, whatever the address
// or the role say, or two calls would mint one fingerprint twice; and a warning is remembered (errWarned).
func steadyPlans(c *pgx.ConnConfig, tracer pgx.QueryTracer) {
	c.Tracer = tracer
	for name, value := range map[string]string{
		"plan_cache_mode":                     "force_generic_plan",
		"enable_seqscan":                      "off",
		"jit":                                 "off",
		"idle_in_transaction_session_timeout": "60000",
	} {
		if _, theirs := c.RuntimeParams[name]; !theirs {
			c.RuntimeParams[name] = value
		}
	}
	c.RuntimeParams["default_transaction_isolation"] = "read committed"
	c.OnNotice = func(on *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			on.CustomData()[warned] = true
		}
	}
}

const warned = "warned"

// planAges is when a connection was opened and when it last made plans.
type planAges struct{ opened, planned time.Time }

const (
	plansOf       = "plans"
	youngestPlans = time.Second
	oldestPlans   = time.Minute
)

// freshPlans is run whenever a connection is taken from the pool. A plan that was made while a table was empty may read all of an index
// that is of no use, and would be kept until the table is next analyzed; so plans are made again when the connection is twice as old, and
// once a minute later on.
func freshPlans(now func() time.Time) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, c *pgx.Conn) error {
		at := now()
		ages, ok := c.PgConn().CustomData()[plansOf].(*planAges)
		if !ok {
			c.PgConn().CustomData()[plansOf] = &planAges{opened: at, planned: at}
			return nil
		}
		limit := min(max(ages.planned.Sub(ages.opened), youngestPlans), oldestPlans)
		if at.Sub(ages.planned) < limit {
			return nil
		}
		ages.planned = at
		if _, err := c.Exec(ctx, "DISCARD PLANS"); err != nil {
			return driver.ErrBadConn
		}
		return nil
	}
}

// billPgx runs one transaction on a connection of the pool, past database/sql, whose conversions cost more than the look-up. A warning
// makes its outcome unknown, whatever else the answer says.
func (d *DB) billPgx(ctx context.Context, do func(*pgx.Conn) error) error {
	pooled, err := d.sql.Conn(ctx)
	if err != nil {
		return uncommitted{err}
	}
	defer pooled.Close() //nolint:errcheck // gives the connection back; what matters was said before
	return onPgx(pooled, func(on *pgx.Conn) error {
		delete(on.PgConn().CustomData(), warned)
		err := do(on)
		return errors.Join(heardNothing(on), err)
	})
}

// onPgx runs do on what a pooled connection is made of.
func onPgx(pooled *sql.Conn, do func(*pgx.Conn) error) error {
	return pooled.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return uncommitted{fmt.Errorf("not a connection of pgx: %w", driver.ErrBadConn)}
		}
		return do(c.Conn())
	})
}

// heardNothing gives errWarned when the server has sent a warning since the last ones were forgotten.
func heardNothing(c *pgx.Conn) error {
	if c.PgConn().CustomData()[warned] == true {
		return errWarned
	}
	return nil
}

func (d *DB) postgres() bool { return d.dialect.name == "postgres" }
