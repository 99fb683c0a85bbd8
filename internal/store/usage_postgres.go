package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// steadyPlans prepares a connection for the hot statements. They are planned once per connection (planning one costs several times
// as much as running it) and only ever with indexes, whatever the statistics of a table that has just begun to grow say; a transaction
// whose client has vanished lets go of its locks; and a warning is remembered (errWarned).
func steadyPlans(c *pgx.ConnConfig) {
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
	c.OnNotice = func(on *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			on.CustomData()[warned] = true
		}
	}
}

const warned = "warned"

// billPgx runs one transaction on a connection of the pool, past database/sql, whose conversions cost more than the look-up. A warning
// makes its outcome unknown, whatever else the answer says.
func (d *DB) billPgx(ctx context.Context, do func(*pgx.Conn) error) error {
	pooled, err := d.sql.Conn(ctx)
	if err != nil {
		return uncommitted{err}
	}
	defer pooled.Close() //nolint:errcheck // gives the connection back; what matters was said before
	return pooled.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return uncommitted{fmt.Errorf("not a connection of pgx: %w", driver.ErrBadConn)}
		}
		on := c.Conn()
		delete(on.PgConn().CustomData(), warned)
		err := do(on)
		if on.PgConn().CustomData()[warned] == true {
			return errors.Join(errWarned, err)
		}
		return err
	})
}

func (d *DB) postgres() bool { return d.dialect.name == "postgres" }
