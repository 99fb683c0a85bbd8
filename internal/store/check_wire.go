package store

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Costs one string a row, of which its texts are parts (claims have one of their own), and one piece of memory for the records of a batch.

// wireFormat is how the hot statement wants its answer, whatever the connection is set to: binary, which costs a fraction of what
// scanning does and two allocations less per column.
var wireFormat = pgx.QueryResultFormats{pgx.BinaryFormatCode} //nolint:gochecknoglobals // a constant of a library's type

// readVerdicts reads the answer as it stands on the wire: rows of pairs, and behind them rows of questions that somebody asked. stale: something
// was good and nothing was billed.
func readVerdicts(rows pgx.Rows, found []finding) (stale bool, err error) {
	good := make([]bool, len(found))
	var records []m2m.Record
	var now int64
	for rows.Next() {
		v := wireRow{values: rows.RawValues()}
		if some := v.next(0); some != nil {
			if !mark(good, some) {
				return false, errUnreadable
			}
			stale = !v.truth() || stale
			now = v.number()
			if v.failed {
				return false, errUnreadable
			}
			continue
		}
		v.next(0)
		v.next(0)
		n := v.number()
		if v.failed || n < 1 || n > int64(len(found)) {
			return false, fmt.Errorf("answer to question %d of %d", n, len(found))
		}
		f := &found[n-1]
		f.known = true
		if !good[n-1] {
			continue
		}
		row := v.token()
		if v.failed {
			return false, errUnreadable
		}
		if records == nil {
			records = make([]m2m.Record, len(found))
		}
		row.touch(now)
		f.read(&row, now, &records[n-1])
	}
	for i := range found {
		if good[i] && found[i].record == nil && found[i].unread == nil {
			return false, fmt.Errorf("question %d is good, and its token is not there", i+1)
		}
	}
	return stale, nil
}

// mark reads a bigint[] without NULLs, in PostgreSQL's binary form, and marks the questions that it names. false: it is none.
func mark(questions []bool, array []byte) bool {
	const head, each = 20, 4 + 8 // dimensions, NULLs, type, length, lower bound; then the size and the number of each
	if len(array) < head || (len(array)-head)%each != 0 {
		return false
	}
	for b := array[head:]; len(b) > 0; b = b[each:] {
		n := binary.BigEndian.Uint64(b[4:each])
		if n < 1 || n > uint64(len(questions)) {
			return false
		}
		questions[n-1] = true
	}
	return true
}

// token reads hotColumns, and signedColumns where they are.
func (v *wireRow) token() (r tokenRow) {
	id, machine, scopes, claims := v.next(0), v.next(0), v.next(0), v.next(0)
	r.IssuedAt, r.ExpiresAt, r.CreatedAt, r.UpdatedAt, r.LastUsedAt = v.number(), v.nullNumber(), v.number(), v.number(), v.nullNumber()
	var key []byte
	r.Format = string(m2m.Opaque)
	if v.at < len(v.values) {
		r.Format = string(v.next(0))
		key = v.next(0)
	}
	var text strings.Builder
	text.Grow(len(id) + len(machine) + len(scopes) + len(key))
	cut := func(b []byte) string {
		begin := text.Len()
		text.Write(b)
		return text.String()[begin:]
	}
	r.ID, r.MachineID, r.Scopes = cut(id), cut(machine), cut(scopes)
	r.KeyID = sql.NullString{String: cut(key), Valid: key != nil}
	r.Claims = sql.NullString{String: string(claims), Valid: claims != nil}
	return r
}

// wireRow reads the columns of a row one after the other, in PostgreSQL's binary form. Once a column is not what was asked for, failed
// stays true.
type wireRow struct {
	values [][]byte
	at     int
	failed bool
}

func (v *wireRow) next(size int) []byte {
	if v.at >= len(v.values) {
		v.failed = true
		return nil
	}
	b := v.values[v.at]
	v.at++
	if size > 0 && b != nil && len(b) != size {
		v.failed = true
		return nil
	}
	return b
}

// number reads a bigint that cannot be NULL.
func (v *wireRow) number() int64 {
	n := v.nullNumber()
	v.failed = v.failed || !n.Valid
	return n.Int64
}

func (v *wireRow) nullNumber() sql.NullInt64 {
	b := v.next(8)
	if b == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: int64(binary.BigEndian.Uint64(b)), Valid: true} //nolint:gosec // G115: that is how a bigint travels
}

// truth reads a boolean that cannot be NULL.
func (v *wireRow) truth() bool {
	b := v.next(1)
	if b == nil {
		v.failed = true
		return false
	}
	return b[0] == 1
}
