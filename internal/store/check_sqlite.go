package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// checkSQLiteSQL authenticates, looks up and judges a whole batch. The same judgement stands in checkPostgresSQL.
//
// Indexes: machine_secrets, tokens (hash; primary key for JWTs), machines, machine_scopes, signing_keys, one probe per question: a token
// is reached by the rowid that a scalar query found, which leaves the planner no other way.
//
// Guarantees. It runs in an IMMEDIATE transaction: no one writes between it and the commit of what it bills.
const checkSQLiteSQL = `
WITH clock (now) AS MATERIALIZED (
    SELECT ` + sqliteNow + `
), caller (n, operator, machine_id) AS MATERIALIZED (
    SELECT c.key,
           EXISTS (SELECT 1 FROM instance WHERE singleton = 1 AND key_hash = unhex(c.value)),
           (SELECT s.machine_id FROM machine_secrets s
            WHERE s.hash = unhex(c.value) AND (s.expires_at IS NULL OR s.expires_at > clock.now)
              AND EXISTS (SELECT 1 FROM machines m WHERE m.id = s.machine_id AND m.deleted_at IS NULL))
    FROM json_each(?1) c CROSS JOIN clock
)
SELECT q.key, coalesce(c.machine_id, ''), clock.now,
       t.id, t.format, t.machine_id, t.scopes, t.claims, t.key_id, t.issued_at, t.expires_at, t.created_at, t.updated_at, t.last_used_at
FROM json_each(?2) q CROSS JOIN clock
CROSS JOIN caller c ON c.n = q.value ->> 0 AND (c.operator OR c.machine_id IS NOT NULL)
LEFT JOIN tokens t ON t.rowid = CASE WHEN q.value ->> 1 IS NOT NULL
        THEN (SELECT o.rowid FROM tokens o WHERE o.hash = unhex(q.value ->> 1))
        ELSE (SELECT j.rowid FROM tokens j WHERE j.id = q.value ->> 2 AND j.key_id = q.value ->> 3 AND EXISTS (
                SELECT 1 FROM signing_keys k WHERE k.kid = j.key_id AND k.state IN ('active', 'retiring')))
        END
    AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock.now)
    AND EXISTS (SELECT 1 FROM machines m WHERE m.id = t.machine_id AND m.deleted_at IS NULL)
    AND (c.operator OR instr(t.scopes, c.machine_id) > 0 AND CASE ?3
         WHEN 'snapshot' THEN true
         WHEN 'live' THEN EXISTS (SELECT 1 FROM machine_scopes s WHERE s.from_id = t.machine_id AND s.to_id = c.machine_id)
         ELSE false END)`

// touchSQLiteSQL moves last_used_at of tokens by their primary keys. Only those that are due are named.
const touchSQLiteSQL = `
UPDATE tokens SET last_used_at = ?1, updated_at = ?1 WHERE id IN (SELECT value FROM json_each(?2))`

// checkSQLite bills what it found good before it returns.
func (d *DB) checkSQLite(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	found := make([]finding, len(q.questions))
	err := d.billSQLite(ctx, func(ctx context.Context, tx *hotTx) error {
		now, bill, due, err := q.readSQLite(ctx, tx, d.scopeRule, found)
		if err != nil || len(bill) == 0 {
			return err
		}
		if err := tx.bill(ctx, s, now, m2m.OpVerify, bill); err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
		if _, err := tx.exec(ctx, tx.hot.touch, now, jsonOf(due)); err != nil {
			return fmt.Errorf("touch tokens: %w", err)
		}
		return nil
	})
	return found, err
}

func (q inquiry) readSQLite(ctx context.Context, tx *hotTx, rule m2m.ScopeRule, found []finding) (now int64, bill bill, due []string, err error) {
	rows, err := tx.query(ctx, tx.hot.check, jsonHashes(q.callers), q.sqliteQuestions(), string(rule))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("look up: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	bill = make(map[billKey]int64, len(found))
	touched := map[string]bool{}
	for rows.Next() {
		var n int
		var receiver string
		var t nullableRow
		if err := rows.Scan(append([]any{&n, &receiver, &now}, t.targets()...)...); err != nil {
			return 0, nil, nil, fmt.Errorf("read: %w", err)
		}
		if n < 0 || n >= len(found) {
			return 0, nil, nil, fmt.Errorf("answer to question %d of %d", n, len(found))
		}
		found[n].known = true
		if !t.id.Valid {
			continue
		}
		var isDue bool
		found[n].good, found[n].now = true, now
		found[n].row, isDue = t.row(now)
		bill[billKey{machine: t.machine.String, receiver: receiver, format: t.format.String}] += q.questions[n].times
		if isDue && !touched[t.id.String] {
			touched[t.id.String] = true
			due = append(due, t.id.String)
		}
	}
	return now, bill, due, rows.Err()
}

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

// row gives the token as it is after this call, and whether its last_used_at has to be moved for that. It
// shares nothing with t, into which the next row will be read.
func (t *nullableRow) row(now int64) (r tokenRow, due bool) {
	r = tokenRow{
		ID: t.id.String, Format: t.format.String, MachineID: t.machine.String, Scopes: t.scopes.String,
		IssuedAt: t.issued.Int64, CreatedAt: t.created.Int64, UpdatedAt: t.updated.Int64,
	}
	if t.claims.Valid {
		r.Claims = new(t.claims.String)
	}
	if t.key.Valid {
		r.KeyID = new(t.key.String)
	}
	if t.expires.Valid {
		r.ExpiresAt = new(t.expires.Int64)
	}
	if t.used.Valid {
		r.LastUsedAt = new(t.used.Int64)
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
