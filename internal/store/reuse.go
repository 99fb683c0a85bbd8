package store

import (
	"context"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// aliveSQL is the condition under which a token t may be handed out again: not revoked, of a living machine, and a JWT only while its
// key is published. Both databases read it; it is
// served by primary keys (OFFSET keeps PostgreSQL from making joins of it), and + 0 keeps the index of the living ones from being taken for a
// way to a token.
const aliveSQL = `t.revoked_at + 0 IS NULL
          AND EXISTS (SELECT 1 FROM machines m WHERE m.id = t.machine_id AND m.deleted_at IS NULL LIMIT 1 OFFSET 0)
          AND (t.key_id IS NULL OR EXISTS (
              SELECT 1 FROM signing_keys k WHERE k.kid = t.key_id AND k.state IN ('active', 'retiring') LIMIT 1 OFFSET 0))`

// reusableRow is a token that may be handed out again, and its sealed form.
type reusableRow struct {
	Token      tokenRow `gorm:"embedded"`
	Sealed     []byte
	KeyVersion string
}

// longestRecord bounds the wait for a writer, for the fingerprint's lock and for the commit.
const longestRecord = 5 * time.Second

// ReuseToken satisfies tokens.Store. It looks without any lock first. Only when there is none does it mint, outside every transaction,
// and writes what it minted on the condition that there is still none: of concurrent calls one writes, the others find.
func (d *DB) ReuseToken(
	ctx context.Context, fingerprint secret.Hash, minRemaining time.Duration, mint func(context.Context) (tokens.NewRecord, error),
) (m2m.Record, secret.Sealed, bool, error) {
	const act = "reuse token"
	r, sealed, found, err := d.reusable(ctx, fingerprint, minRemaining)
	if err != nil || found {
		return r, sealed, false, err
	}
	n, err := mint(ctx)
	if err != nil {
		return m2m.Record{}, secret.Sealed{}, false, err
	}
	if n.Reuse == nil || n.Reuse.Fingerprint != fingerprint {
		return m2m.Record{}, secret.Sealed{}, false, fmt.Errorf("%s: minted under another fingerprint", act)
	}
	if err := recordable(&n); err != nil {
		return m2m.Record{}, secret.Sealed{}, false, err
	}
	if err := ctx.Err(); err != nil {
		return m2m.Record{}, secret.Sealed{}, false, outward(act, err)
	}
	// From here on the caller's hanging up changes nothing: it would cost the writer its connection, and leave it in doubt.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestRecord)
	defer cancel()
	out, err := d.record(recording, act, []tokens.NewRecord{n}, want{fingerprint: fingerprint[:], remaining: minRemaining}, nil)
	if err != nil {
		return m2m.Record{}, secret.Sealed{}, false, err
	}
	if out[0].looked {
		if err := out[0].err(); err != nil {
			return m2m.Record{}, secret.Sealed{}, false, err
		}
		return recorded(&n), n.Reuse.Sealed, true, nil
	}
	// Somebody else wrote one meanwhile. It may be gone already, as by a revoke: then this call cannot tell, and may be made again.
	r, sealed, found, err = d.reusable(ctx, fingerprint, minRemaining)
	if err == nil && !found {
		err = fmt.Errorf("%s: %w: another call's token did not last", act, m2m.ErrUnavailable)
	}
	return r, sealed, false, err
}

// reusable finds the token with the longest life that may be returned for a fingerprint, by the index tokens_for_reuse. Of equals the newest:
// it was made because an older one did not open.
func (d *DB) reusable(ctx context.Context, fingerprint secret.Hash, remaining time.Duration) (m2m.Record, secret.Sealed, bool, error) {
	const act = "find reusable token"
	query := `
WITH clock AS MATERIALIZED (SELECT ` + d.dialect.now + ` AS now)
SELECT ` + tokenColumns + `, t.sealed, t.key_version
FROM clock CROSS JOIN tokens t
WHERE t.reuse_key = ? AND (t.expires_at IS NULL OR t.expires_at > clock.now AND t.expires_at - clock.now >= ?)
  AND ` + aliveSQL + `
ORDER BY t.expires_at DESC NULLS FIRST, t.created_at DESC, t.id LIMIT 1`
	var rows []reusableRow
	if err := d.gorm.WithContext(ctx).Raw(query, fingerprint[:], remaining.Milliseconds()).Find(&rows).Error; err != nil {
		return m2m.Record{}, secret.Sealed{}, false, outward(act, err)
	}
	if len(rows) == 0 {
		return m2m.Record{}, secret.Sealed{}, false, nil
	}
	r, err := rows[0].Token.record(0)
	if err != nil {
		return m2m.Record{}, secret.Sealed{}, false, fmt.Errorf("%s: %w", act, err)
	}
	return r, secret.Sealed{Version: rows[0].KeyVersion, Bytes: rows[0].Sealed}, true, nil
}
