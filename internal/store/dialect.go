package store

import (
	"database/sql"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// dialect is where the two databases differ.
type dialect struct {
	name         string // also the folder of its migrations
	goose        goose.Dialect
	gorm         func(*sql.DB) gorm.Dialector
	now          string // the database's clock at the start of this statement, Unix milliseconds
	nameContains string // a condition: the column name contains the parameter, which is in lower case, whatever its own ASCII case
	hasTable     string // a query: whether the table named by the parameter exists
	write, read  *sql.TxOptions
}

func postgresDialect() dialect {
	return dialect{
		name:  "postgres",
		goose: goose.DialectPostgres,
		gorm:  func(pool *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
		now:   postgresNow,
		// The column's collation is "C": lower touches ASCII only, as SQLite's does.
		nameContains: "strpos(lower(name), ?) > 0",
		hasTable:     "SELECT to_regclass($1) IS NOT NULL",
		write:        &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		read:         &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	}
}

func sqliteDialect() dialect {
	return dialect{
		name:         "sqlite",
		goose:        goose.DialectSQLite3,
		gorm:         func(pool *sql.DB) gorm.Dialector { return sqliteGorm{pool} },
		now:          sqliteNow,
		nameContains: "instr(lower(name), ?) > 0",
		hasTable:     "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = ?",
		write:        nil, // IMMEDIATE, by the address that the file is opened with
		read:         &sql.TxOptions{ReadOnly: true},
	}
}

// The databases' clocks at the start of a statement, in Unix milliseconds. Rounded down, so that nothing is dead before its time.
const (
	postgresNow = "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)"
	sqliteNow   = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)" // whole milliseconds, but for the error of a float
)

func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// nullMillis keeps the zero time as null.
func nullMillis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func fromNullMillis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return fromMillis(*ms)
}

func fromNull(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}
