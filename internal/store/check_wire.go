package store

import (
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Costs no copy of a row but the strings that are kept.

// wireFormat is how the hot statement wants its answer, whatever the connection is set to: binary, which costs a fraction of what
// scanning does and two allocations less per column.
var wireFormat = pgx.QueryResultFormats{pgx.BinaryFormatCode} //nolint:gochecknoglobals // a constant of a library's type

// readVerdicts reads the answer as it stands on the wire: rows of pairs, and rows of questions that somebody asked. stale: something was
// good and nothing was billed.
func readVerdicts(rows pgx.Rows, found []finding) (stale bool, err error) {
	good := make([]bool, len(found))
	for rows.Next() {
		v := wireRow{values: rows.RawValues()}
		if some := v.next(0); some != nil {
			if !mark(good, some) {
				return false, errUnreadable
			}
			stale = !v.truth() || stale
			if v.failed {
				return false, errUnreadable
			}
			continue
		}
		v.next(0)
		n, now := v.number(), v.number()
		if v.failed || n < 1 || n > int64(len(found)) {
			return false, fmt.Errorf("answer to question %d of %d", n, len(found))
		}
		f := &found[n-1]
		f.known = true
		row, there := v.token()
		if !there {
			continue
		}
		if v.failed {
			return false, errUnreadable
		}
		row.touch(now)
		f.read(&row, now)
	}
	for i := range found {
		if !good[i] {
			found[i].record, found[i].unread = nil, nil
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

// token reads answerColumns. Of one that was not found there are none.
func (v *wireRow) token() (r tokenRow, ok bool) {
	if r.ID, ok = v.text(); !ok {
		return tokenRow{}, false
	}
	r.Format, _ = v.text()
	r.MachineID, _ = v.text()
	r.Scopes, _ = v.text()
	r.Claims, r.KeyID = v.nullText(), v.nullText()
	r.IssuedAt, r.ExpiresAt, r.CreatedAt, r.UpdatedAt, r.LastUsedAt = v.number(), v.nullNumber(), v.number(), v.number(), v.nullNumber()
	return r, true
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

// text reads a text; false: NULL.
func (v *wireRow) text() (string, bool) {
	b := v.next(0)
	return string(b), b != nil
}

func (v *wireRow) nullText() *string {
	s, ok := v.text()
	if !ok {
		return nil
	}
	return &s
}

// number reads a bigint that cannot be NULL.
func (v *wireRow) number() int64 {
	n := v.nullNumber()
	if n == nil {
		v.failed = true
		return 0
	}
	return *n
}

func (v *wireRow) nullNumber() *int64 {
	b := v.next(8)
	if b == nil {
		return nil
	}
	n := int64(binary.BigEndian.Uint64(b)) //nolint:gosec // G115: that is how a bigint travels
	return &n
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
