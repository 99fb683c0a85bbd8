package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// callersPostgresSQL tells whom each credential belongs to, with the machine's living scopes in their order.
//
// Indexes: machine_secrets, machines, machine_scopes (primary keys), one probe per credential. Guarantee: one snapshot for all.
const callersPostgresSQL = `
WITH clock AS MATERIALIZED (
    SELECT ` + postgresNow + ` AS now
)
SELECT c.n - 1, coalesce(i.operator, false), ` + callerColumns + `,
       (SELECT string_agg(g.to_id, ' ' ORDER BY g.position) FROM machine_scopes g
        WHERE g.from_id = m.id AND EXISTS (SELECT 1 FROM machines r WHERE r.id = g.to_id AND r.deleted_at IS NULL OFFSET 0))
FROM unnest($1::bytea[]) WITH ORDINALITY AS c (hash, n)
CROSS JOIN clock
LEFT JOIN LATERAL (SELECT true AS operator FROM instance WHERE singleton = 1 AND key_hash = c.hash LIMIT 1) i ON true
LEFT JOIN LATERAL (
    SELECT m.* FROM machine_secrets s JOIN machines m ON m.id = s.machine_id AND m.deleted_at IS NULL
    WHERE s.hash = c.hash AND (s.expires_at IS NULL OR s.expires_at > clock.now) LIMIT 1
) m ON true`

// callersSQLiteSQL is the same question to SQLite.
const callersSQLiteSQL = `
WITH clock (now) AS MATERIALIZED (SELECT ` + sqliteNow + `)
SELECT c.key, EXISTS (SELECT 1 FROM instance WHERE singleton = 1 AND key_hash = unhex(c.value)), ` + callerColumns + `,
       (SELECT group_concat(g.to_id, ' ' ORDER BY g.position) FROM machine_scopes g
        WHERE g.from_id = m.id AND EXISTS (SELECT 1 FROM machines r WHERE r.id = g.to_id AND r.deleted_at IS NULL))
FROM json_each(?1) c CROSS JOIN clock
LEFT JOIN machines m ON m.deleted_at IS NULL AND m.id = (
    SELECT s.machine_id FROM machine_secrets s
    WHERE s.hash = unhex(c.value) AND (s.expires_at IS NULL OR s.expires_at > clock.now))`

const callerColumns = `m.id, m.name, m.default_ttl, m.default_format, m.public_jwk, m.created_at, m.updated_at`

// Callers satisfies tokens.HotStore and machines.SecretStore. Costs one query.
func (d *DB) Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error) {
	const act = "authenticate callers"
	out := make([]m2m.Caller, len(credentials))
	if len(credentials) == 0 {
		return out, nil
	}
	var query string
	var arg any
	if d.postgres() {
		hashes := make([][]byte, len(credentials))
		for i := range credentials {
			hashes[i] = bytesOrNil(&credentials[i])
		}
		query, arg = callersPostgresSQL, hashes
	} else {
		query, arg = callersSQLiteSQL, jsonHashes(credentials)
	}
	rows, err := d.sql.QueryContext(ctx, query, arg)
	if err != nil {
		return nil, outward(act, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		if err := readCaller(rows, out); err != nil {
			return nil, outward(act, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, outward(act, err)
	}
	return out, nil
}

func readCaller(rows *sql.Rows, out []m2m.Caller) error {
	var n int
	var operator bool
	var id, name, format, jwk, scopes sql.NullString
	var ttl, created, updated sql.NullInt64
	if err := rows.Scan(&n, &operator, &id, &name, &ttl, &format, &jwk, &created, &updated, &scopes); err != nil {
		return err
	}
	if n < 0 || n >= len(out) {
		return fmt.Errorf("answer to credential %d of %d", n, len(out))
	}
	out[n].Instance = operator
	if !id.Valid {
		return nil
	}
	machine, okID := m2m.ParseMachineID(id.String)
	to, okScopes := m2m.ParseScopes(scopes.String)
	defaultFormat, okFormat := m2m.ParseFormat(format.String)
	if !okID || !okScopes || !okFormat {
		return errUnreadable
	}
	out[n].Machine = &m2m.Machine{
		ID: machine, Name: name.String, DefaultTTL: time.Duration(ttl.Int64) * time.Second, Endless: !ttl.Valid,
		DefaultFormat: defaultFormat, Scopes: to, CreatedAt: fromMillis(created.Int64), UpdatedAt: fromMillis(updated.Int64),
	}
	if jwk.Valid {
		out[n].Machine.PublicJWK = []byte(jwk.String)
	}
	return nil
}
