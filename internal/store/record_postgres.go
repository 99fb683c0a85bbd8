package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/tokens"
)

// recordPostgresSQL records and bills new tokens in one statement and one commit.
//
// Indexes: signing_keys, machines, writers, usage (primary keys), tokens_for_reuse when one is to be reused.
//
// Guarantees. The rows of the signing keys are locked, in one order, before anything is written, and the state is judged again under
// the lock: a change of the ring waits for this commit, and whatever was not committed before it is refused after it (R40). A token is
// written only for a living machine that this statement has found and under an active key that it has locked; the table does not look
// again (decision 0018). What is written is billed in the same commit; a writer whose epoch was raised writes nothing. A token that exists
// already is left alone and not billed. With a fingerprint ($18) nothing is written where a token that may be reused is there.
const recordPostgresSQL = `
WITH clock AS MATERIALIZED (
    SELECT ` + postgresNow + ` AS now
), signer AS MATERIALIZED (
    SELECT kid FROM signing_keys WHERE kid = ANY ($1::text[]) AND state = 'active' ORDER BY kid FOR SHARE
), item AS MATERIALIZED (
    SELECT q.*, clock.now, m.lives IS NOT NULL AS lives, q.kid = '' OR EXISTS (SELECT 1 FROM signer s WHERE s.kid = q.kid) AS signed
    FROM unnest($2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[], $14::text[]) WITH ORDINALITY
         AS q (id, hash, format, machine_id, scopes, claims, kid, issued_at, expires_at, created_at, reuse_key, sealed, key_version, n)
    CROSS JOIN clock
    LEFT JOIN LATERAL (SELECT true AS lives FROM machines WHERE id = q.machine_id AND deleted_at IS NULL LIMIT 1) m ON true
    WHERE NOT EXISTS (
        SELECT 1 FROM tokens t
        WHERE t.reuse_key = $18 AND (t.expires_at IS NULL OR t.expires_at > clock.now AND t.expires_at - clock.now >= $19)
          AND ` + aliveSQL + ` OFFSET 0)
), mine AS (
    UPDATE writers SET seq = $17 WHERE id = $15 AND epoch = $16 AND EXISTS (SELECT 1 FROM item WHERE lives AND signed)
    RETURNING id
), made AS (
    INSERT INTO tokens (id, hash, format, machine_id, scopes, claims, key_id, issued_at, expires_at, created_at, updated_at,
                        reuse_key, sealed, key_version)
    SELECT i.id, i.hash, i.format, i.machine_id, i.scopes, nullif(i.claims, ''), nullif(i.kid, ''), i.issued_at,
           nullif(i.expires_at, 0), i.created_at, i.created_at, i.reuse_key, i.sealed, nullif(i.key_version, '')
    FROM item i CROSS JOIN mine WHERE i.lives AND i.signed ORDER BY i.id
    ON CONFLICT DO NOTHING
    RETURNING id, machine_id, format
), billed AS (
    INSERT INTO usage AS u (hour, machine_id, receiver_id, operation, format, writer, count)
    SELECT clock.now - clock.now % 3600000, m.machine_id, '', 'create', m.format, mine.id, count(*)
    FROM made m CROSS JOIN mine CROSS JOIN clock
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (hour, machine_id, receiver_id, operation, format, writer) DO UPDATE SET count = u.count + excluded.count
)
SELECT i.n, i.lives, i.signed, EXISTS (SELECT 1 FROM made WHERE made.id = i.id), EXISTS (SELECT 1 FROM mine) FROM item i`

// recordPostgres writes what is recordable; outcomes has a place for each of items.
func (d *DB) recordPostgres(ctx context.Context, items []tokens.NewRecord, w want, with *rider, s stamp) ([]outcome, error) {
	args := append(recordArgs(items), s.writer, s.epoch, s.seq, w.fingerprint, w.remaining.Milliseconds())
	out := make([]outcome, len(items))
	err := d.billPgx(ctx, func(c *pgx.Conn) error {
		var b pgx.Batch
		locks := 0
		if w.fingerprint != nil {
			// Whoever mints for this fingerprint, on any replica, goes one after the other; each statement after the lock has a snapshot
			// of its own, so it sees what the one before has committed. Lock, look and write travel together and are one transaction:
			// nobody waits for this process while it holds the lock.
			b.Queue(`SELECT pg_advisory_xact_lock($1)`, w.lock())
			locks++
		}
		if slices.ContainsFunc(items, func(n tokens.NewRecord) bool { return n.KeyID != "" }) {
			b.Queue(signInTurnSQL) // travels along too
			locks++
		}
		b.Queue(recordPostgresSQL, args...)
		if with != nil {
			b.Queue(with.query, with.args...)
		}
		results := c.SendBatch(ctx, &b)
		err := readOutcomes(results, locks, out)
		if err == nil && with != nil {
			_, err = results.Exec()
		}
		if closed := results.Close(); closed != nil { // the commit's own answer
			err = closed
		}
		return err
	})
	return out, err
}

// readOutcomes reads the answers to as many locks, and to the record behind them.
func readOutcomes(results pgx.BatchResults, locks int, out []outcome) error {
	for range locks {
		if _, err := results.Exec(); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	rows, err := results.Query()
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var n int64
	var o outcome
	var billed bool
	stale := false
	_, err = pgx.ForEachRow(rows, []any{&n, &o.lives, &o.signed, &o.made, &billed}, func() error {
		if n < 1 || n > int64(len(out)) {
			return fmt.Errorf("answer to token %d of %d", n, len(out))
		}
		o.looked = true
		out[n-1] = o
		stale = stale || o.lives && o.signed && !billed
		return nil
	})
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if stale {
		return errStale
	}
	return nil
}

// recordArgs lays the tokens out in parallel arrays; the empty string and zero stand for NULL where a column may be null.
func recordArgs(items []tokens.NewRecord) []any {
	n := len(items)
	ids, hashes, formats, machines := make([]string, n), make(byteas, n), make([]string, n), make([]string, n)
	scopes, claims, kids := make([]string, n), make([]string, n), make([]string, n)
	issued, expires, created := make([]int64, n), make([]int64, n), make([]int64, n)
	reuse, sealed, versions := make(byteas, n), make(byteas, n), make([]string, n)
	for i := range items {
		t := &items[i]
		ids[i], hashes[i], formats[i], machines[i] = string(t.Grant.ID), bytesOrNil(&t.Hash), string(t.Format), string(t.Grant.Machine)
		scopes[i], claims[i], kids[i] = t.Grant.Scopes.String(), string(t.Grant.Claims), string(t.KeyID)
		issued[i], expires[i], created[i] = t.Grant.IssuedAt.UnixMilli(), expiry(t.Grant.ExpiresAt), t.CreatedAt.UnixMilli()
		if t.Reuse != nil {
			reuse[i], sealed[i], versions[i] = t.Reuse.Fingerprint[:], t.Reuse.Sealed.Bytes, t.Reuse.Sealed.Version
		}
	}
	signers := slices.Compact(slices.Sorted(slices.Values(kids)))
	return []any{signers, ids, hashes, formats, machines, scopes, claims, kids, issued, expires, created, reuse, sealed, versions}
}

// expiry keeps the zero time as zero, which the statement makes NULL.
func expiry(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}
