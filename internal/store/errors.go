package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/dualmint/dualmint/internal/m2m"
)

// outward is the one door through which errors leave this package. What is the domain's keeps its identity; trouble with the database
// becomes m2m.ErrUnavailable; anything else keeps only its text, without values, and means that something is wrong with us.
func outward(act string, err error) error {
	if err == nil {
		return nil
	}
	if theirs, ok := errors.AsType[callersError](err); ok {
		return theirs.error
	}
	if domain(err) {
		return fmt.Errorf("%s: %w", act, err)
	}
	for _, stop := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, stop) {
			return fmt.Errorf("%s: %w: %w", act, m2m.ErrUnavailable, stop)
		}
	}
	if unavailable(err) {
		return fmt.Errorf("%s: %w: %s", act, m2m.ErrUnavailable, safeText(err))
	}
	return fmt.Errorf("%s: %s", act, safeText(err))
}

// callersError marks an error of a function that the caller gave us, which gets it back untouched.
type callersError struct{ error }

// asIs marks err, unless it is nil.
func asIs(err error) error {
	if err == nil {
		return nil
	}
	return callersError{err}
}

// domain tells whether an error is one of ours.
func domain(err error) bool {
	if _, ok := errors.AsType[*m2m.FieldError](err); ok {
		return true
	}
	for _, ours := range []error{
		m2m.ErrNotFound, m2m.ErrMachineNotFound, m2m.ErrConflict, m2m.ErrUnavailable, m2m.ErrKeyNotActive, m2m.ErrRefused, m2m.ErrBusy,
	} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// unavailable tells whether asking again later may help: the connection, the server or the file is in trouble, not the question.
func unavailable(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return unavailableState(pgErr.Code)
	}
	if sqliteErr, ok := errors.AsType[*sqlite.Error](err); ok {
		return unavailableCode(sqliteErr.Code())
	}
	for _, gone := range []error{
		driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, pgx.ErrTxClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	// database/sql and pgx have no names for these two.
	return pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		strings.Contains(err.Error(), "sql: database is closed") || strings.Contains(err.Error(), "conn closed")
}

// unavailableState reads an SQLSTATE: connection, transaction rolled back after all attempts, resources, operator, system, lock timeout, a
// server that has become a standby, a login that is refused.
func unavailableState(code string) bool {
	switch code {
	case "25006", "55P03", "25P03", "25P04":
		return true
	}
	for _, class := range []string{"08", "28", "40", "53", "57", "58"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

func unavailableCode(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

// rolledBack tells whether the server itself undid the transaction and asks for it again: nothing was committed.
func rolledBack(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "40001" || pgErr.Code == "40P01")
}

// duplicate tells whether a uniqueness constraint said no (R66), to gorm or to a plain statement.
func duplicate(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "23505" || errors.Is(sqliteGorm{}.Translate(err), gorm.ErrDuplicatedKey)
}

// safeText describes an error without any value: PostgreSQL repeats what it was given in errors of data and of constraints.
func safeText(err error) string {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return eachLineOnce(err.Error())
	}
	if loginRefused(err) {
		return fmt.Sprintf("the server refuses the login: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
	}
	if strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23") {
		return fmt.Sprintf("SQLSTATE %s (table %q, constraint %q)", pgErr.Code, pgErr.TableName, pgErr.ConstraintName)
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
}

// loginRefused tells whether the server is there and does not let us in: no such role, a wrong password, no such database.
func loginRefused(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(pgErr.Code, "28") || pgErr.Code == "3D000")
}

// eachLineOnce shortens pgx's account of a connection, which tells of every attempt: with and without TLS, and for each address.
func eachLineOnce(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
