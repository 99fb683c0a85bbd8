package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// checkPostgresSQL is the hot path on PostgreSQL: authenticate, look up, judge and bill a whole batch in one statement, hence in one
// snapshot, one round trip and one commit.
//
// Indexes: machine_secrets (primary key), tokens (hash; primary key for JWTs), machines, machine_scopes, signing_keys, writers, usage
// (primary keys). Every table is reached through LATERAL ... LIMIT or an EXISTS fenced by OFFSET 0: that leaves the planner nothing but
// one index probe per question, whatever its statistics say.
//
// Guarantees. A statement that begins after a revoke, a deletion, a rotation or a removed scope was committed sees it. Only what is
// answered as good is billed, once per time it was asked, in this commit; a writer whose epoch was raised bills and confirms nothing
// (no row of mine, hence no row of usage). Nothing here waits for a lock of another replica: the rows of writers and usage belong to
// this writer, and those of tokens are skipped when locked, so replicas cannot deadlock. last_used_at moves at most once a minute: the
// condition stands again inside the lock, where it sees what another replica has just committed.
const checkPostgresSQL = `
WITH clock AS MATERIALIZED (
    SELECT ` + postgresNow + ` AS now
), caller AS MATERIALIZED (
    SELECT c.n, i.operator, s.machine_id
    FROM unnest($1::bytea[]) WITH ORDINALITY AS c (hash, n)
    CROSS JOIN clock
    LEFT JOIN LATERAL (
        SELECT true AS operator FROM instance WHERE singleton = 1 AND key_hash = c.hash LIMIT 1
    ) i ON true
    LEFT JOIN LATERAL (
        SELECT s.machine_id FROM machine_secrets s
        WHERE s.hash = c.hash AND (s.expires_at IS NULL OR s.expires_at > clock.now)
          AND EXISTS (SELECT 1 FROM machines m WHERE m.id = s.machine_id AND m.deleted_at IS NULL OFFSET 0)
        LIMIT 1
    ) s ON true
), answer AS MATERIALIZED (
    SELECT q.n, q.times, coalesce(c.machine_id, '') AS receiver, clock.now, t.*
    FROM unnest($2::int[], $3::bytea[], $4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY
         AS q (caller, hash, id, kid, times, n)
    CROSS JOIN clock
    JOIN caller c ON c.n = q.caller AND (c.operator OR c.machine_id IS NOT NULL)
    LEFT JOIN LATERAL (
        SELECT t.* FROM (
            SELECT ` + hotColumns + `, t.revoked_at FROM tokens t
            WHERE t.hash = q.hash
            UNION ALL
            SELECT ` + hotColumns + `, t.revoked_at FROM tokens t
            WHERE t.id = q.id AND t.key_id = q.kid AND EXISTS (
                SELECT 1 FROM signing_keys k WHERE k.kid = t.key_id AND k.state IN ('active', 'retiring') OFFSET 0)
        ) t
        WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock.now)
          AND EXISTS (SELECT 1 FROM machines m WHERE m.id = t.machine_id AND m.deleted_at IS NULL OFFSET 0)
          AND (c.operator OR strpos(t.scopes, c.machine_id) > 0 AND CASE $7::text
               WHEN 'snapshot' THEN true
               WHEN 'live' THEN EXISTS (
                   SELECT 1 FROM machine_scopes s WHERE s.from_id = t.machine_id AND s.to_id = c.machine_id OFFSET 0)
               ELSE false END)
        LIMIT 1
    ) t ON true
), mine AS (
    UPDATE writers SET seq = $10 WHERE id = $8 AND epoch = $9 AND EXISTS (SELECT 1 FROM answer WHERE id IS NOT NULL)
    RETURNING id
), billed AS (
    INSERT INTO usage AS u (hour, machine_id, receiver_id, operation, format, writer, count)
    SELECT a.now - a.now % 3600000, a.machine_id, a.receiver, 'verify', a.format, mine.id, sum(a.times)
    FROM answer a CROSS JOIN mine WHERE a.id IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (hour, machine_id, receiver_id, operation, format, writer) DO UPDATE SET count = u.count + excluded.count
), due AS MATERIALIZED (
    SELECT DISTINCT a.id, a.now FROM answer a CROSS JOIN mine
    WHERE a.id IS NOT NULL AND (a.last_used_at IS NULL OR a.last_used_at <= a.now - 60000)
), held AS MATERIALIZED (
    SELECT t.id, d.now FROM due d CROSS JOIN LATERAL (
        SELECT t.id FROM tokens t
        WHERE t.id = d.id AND (t.last_used_at IS NULL OR t.last_used_at <= d.now - 60000)
        FOR NO KEY UPDATE SKIP LOCKED
    ) t
), used AS (
    UPDATE tokens t SET last_used_at = h.now, updated_at = h.now FROM held h WHERE t.id = h.id
)
SELECT a.n, mine.id IS NOT NULL, a.now, ` + answerColumns + `
FROM answer a LEFT JOIN mine ON true`

// hotColumns are the columns of a token that a verdict needs; the sealed form of a reusable token is not among them.
const hotColumns = `t.id, t.format, t.machine_id, t.scopes, t.claims, t.key_id, t.issued_at, t.expires_at, t.created_at,
                t.updated_at, t.last_used_at`

const answerColumns = `a.id, a.format, a.machine_id, a.scopes, a.claims, a.key_id, a.issued_at, a.expires_at, a.created_at,
       a.updated_at, a.last_used_at`

func (d *DB) checkPostgres(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	args := append(q.postgresArgs(), string(d.scopeRule), s.writer, s.epoch, s.seq)
	found := make([]finding, len(q.questions))
	err := d.billPgx(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, checkPostgresSQL, args...)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		stale, err := readVerdicts(rows, found)
		rows.Close()
		if err := rows.Err(); err != nil { // of the commit, too
			return fmt.Errorf("read: %w", err)
		}
		if err == nil && stale {
			return errStale
		}
		return err
	})
	return found, err
}

// readVerdicts reads the answer as it stands on the wire. stale: something was good and nothing was billed.
func readVerdicts(rows pgx.Rows, found []finding) (stale bool, err error) {
	for rows.Next() {
		v := wireRow{values: rows.RawValues()}
		n, billed, now := v.number(), v.truth(), v.number()
		if v.failed || n < 1 || n > int64(len(found)) {
			return false, fmt.Errorf("answer to question %d of %d", n, len(found))
		}
		f := &found[n-1]
		f.known, f.now = true, now
		if f.row, f.good = v.token(); !f.good {
			continue
		}
		if v.failed {
			return false, errUnreadable
		}
		f.row.touch(now)
		stale = stale || !billed
	}
	return stale, nil
}

// token reads answerColumns. A refused one has none.
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

// postgresArgs lays the batch out in parallel arrays. The zero hash travels as NULL, which equals nothing: nobody and the zero token
// are found nowhere (R4).
func (q inquiry) postgresArgs() []any {
	callers := make([][]byte, len(q.callers))
	for i := range q.callers {
		callers[i] = bytesOrNil(&q.callers[i])
	}
	n := len(q.questions)
	by, times := make([]int32, n), make([]int64, n)
	hashes, ids, kids := make([][]byte, n), make([]string, n), make([]string, n)
	for i := range q.questions {
		a := &q.questions[i]
		by[i], times[i] = int32(a.caller)+1, a.times //nolint:gosec // G115: a batch is far smaller than an int32
		hashes[i], ids[i], kids[i] = bytesOrNil(&a.token.Hash), string(a.token.ID), string(a.token.KeyID)
	}
	return []any{wireFormat, callers, by, hashes, ids, kids, times}
}
