package store

import (
	"database/sql"
	"encoding/hex"
	"strconv"

	"github.com/dualmint/dualmint/internal/secret"
)

// Costs one string a batch, and a row of strings and numbers for each good check.

// nullableRow is a row in which a refused token left every column null.
type nullableRow struct {
	id, format, machine, scopes, claims, key sql.NullString
	issued, created, updated                 sql.NullInt64
	expires, used                            sql.NullInt64
}

func (t *nullableRow) targets() []any {
	return []any{
		&t.id, &t.format, &t.machine, &t.scopes, &t.claims, &t.key, &t.issued, &t.expires, &t.created, &t.updated, &t.used,
	}
}

// row gives the token as it is after this call, and whether its last_used_at has to be moved for that.
func (t *nullableRow) row(now int64) (r tokenRow, due bool) {
	r = tokenRow{
		ID: t.id.String, Format: t.format.String, MachineID: t.machine.String, Scopes: t.scopes.String,
		Claims: t.claims, KeyID: t.key, IssuedAt: t.issued.Int64, ExpiresAt: t.expires,
		CreatedAt: t.created.Int64, UpdatedAt: t.updated.Int64, LastUsedAt: t.used,
	}
	return r, r.touch(now)
}

// jsonHashes is a JSON array of hashes in hex; nobody's is null, which equals nothing.
func jsonHashes(hashes []secret.Hash) string {
	out := make([]byte, 0, 2+67*len(hashes))
	out = append(out, '[')
	for i := range hashes {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendHex(out, bytesOrNil(&hashes[i]))
	}
	return string(append(out, ']'))
}

// sqliteQuestions is a JSON array of [caller, hash in hex or null, id, kid]; the last two are made of plain characters (askable).
func (q inquiry) sqliteQuestions() string {
	out := make([]byte, 0, 2+160*len(q.questions))
	out = append(out, '[')
	for i := range q.questions {
		a := &q.questions[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, '['), int64(a.caller), 10)
		out = appendHex(append(out, ','), bytesOrNil(&a.token.Hash))
		out = append(append(out, `,"`...), a.token.ID...)
		out = append(append(out, `","`...), a.token.KeyID...)
		out = append(out, `"]`...)
	}
	return string(append(out, ']'))
}

func appendHex(out, b []byte) []byte {
	if b == nil {
		return append(out, "null"...)
	}
	return append(hex.AppendEncode(append(out, '"'), b), '"')
}
