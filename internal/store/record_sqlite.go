package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

const (
	// signerSQLiteSQL tells whether a key is the one that signs, by primary key; nobody else writes while the transaction lasts (R40).
	signerSQLiteSQL = `SELECT EXISTS (SELECT 1 FROM signing_keys WHERE kid = ?1 AND state = 'active')`

	// livesSQLiteSQL tells whether a machine lives, by primary key, and the time.
	livesSQLiteSQL = `SELECT ` + sqliteNow + `, EXISTS (SELECT 1 FROM machines WHERE id = ?1 AND deleted_at IS NULL)`

	// insertSQLiteSQL writes one token, unless it is there already.
	insertSQLiteSQL = `
INSERT INTO tokens (id, hash, format, machine_id, scopes, claims, key_id, issued_at, expires_at, created_at, updated_at,
                    reuse_key, sealed, key_version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13)
ON CONFLICT DO NOTHING`

	// reusableSQLiteSQL tells whether a token may be returned for a fingerprint, by tokens_for_reuse.
	reusableSQLiteSQL = `
WITH clock (now) AS MATERIALIZED (SELECT ` + sqliteNow + `)
SELECT EXISTS (
    SELECT 1 FROM clock CROSS JOIN tokens t
    WHERE t.reuse_key = ?1 AND (t.expires_at IS NULL OR t.expires_at > clock.now AND t.expires_at - clock.now >= ?2) AND ` + aliveSQL + `)`
)

// recordSQLite writes what is recordable; outcomes has a place for each of items.
func (d *DB) recordSQLite(ctx context.Context, items []tokens.NewRecord, w want, with *rider, s stamp) ([]outcome, error) {
	out := make([]outcome, len(items))
	err := d.billSQLite(ctx, func(ctx context.Context, tx *hotTx) error {
		if w.fingerprint != nil {
			var there bool
			row := tx.row(ctx, tx.hot.reusable, w.fingerprint, w.remaining.Milliseconds())
			if err := row.Scan(&there); err != nil || there {
				return err
			}
		}
		made := bill{}
		var now int64
		for i := range items {
			var err error
			if now, out[i], err = tx.record(ctx, &items[i]); err != nil {
				return err
			}
			if out[i].made {
				made[billKey{machine: string(items[i].Grant.Machine), format: string(items[i].Format)}]++
			}
		}
		if len(made) == 0 {
			return nil
		}
		if with != nil {
			if _, err := tx.ExecContext(ctx, with.query, with.args...); err != nil {
				return fmt.Errorf("write what goes with a token: %w", err)
			}
		}
		return tx.bill(ctx, s, now, m2m.OpCreate, made)
	})
	return out, err
}

func (tx *hotTx) record(ctx context.Context, n *tokens.NewRecord) (now int64, o outcome, err error) {
	o = outcome{looked: true, signed: true}
	if n.Format == m2m.JWT {
		if err := tx.row(ctx, tx.hot.signer, string(n.KeyID)).Scan(&o.signed); err != nil {
			return 0, o, fmt.Errorf("find signing key: %w", err)
		}
	}
	if err := tx.row(ctx, tx.hot.lives, string(n.Grant.Machine)).Scan(&now, &o.lives); err != nil {
		return 0, o, fmt.Errorf("find machine: %w", err)
	}
	if !o.lives || !o.signed {
		return now, o, nil
	}
	var reuseKey, sealed []byte
	var version *string
	if n.Reuse != nil {
		reuseKey, sealed, version = n.Reuse.Fingerprint[:], n.Reuse.Sealed.Bytes, &n.Reuse.Sealed.Version
	}
	done, err := tx.exec(ctx, tx.hot.insert, string(n.Grant.ID), bytesOrNil(&n.Hash), string(n.Format), string(n.Grant.Machine), n.Grant.Scopes.String(),
		nullText(string(n.Grant.Claims)), nullText(string(n.KeyID)), millis(n.Grant.IssuedAt), nullMillis(n.Grant.ExpiresAt),
		millis(n.CreatedAt), reuseKey, sealed, version)
	if err != nil {
		return now, o, fmt.Errorf("insert token: %w", err)
	}
	rows, err := done.RowsAffected()
	o.made = rows == 1
	return now, o, err
}

func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
