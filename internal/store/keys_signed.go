package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
)

// lastSignedSQL is when the last token of the key k expires that is not revoked: one probe of the index tokens_by_signer.
const lastSignedSQL = `(
    SELECT t.expires_at FROM tokens t WHERE t.key_id = k.kid AND t.format = 'jwt' AND t.revoked_at IS NULL
    ORDER BY t.expires_at DESC LIMIT 1)`

// signedUntilSQL asks that of each retiring key.
const signedUntilSQL = `SELECT k.kid, ` + lastSignedSQL + ` AS until FROM signing_keys k WHERE k.state = 'retiring'`

// signedTokensSQL counts the living tokens of every key, no further than its parameter each: it reads at most that many entries of
// tokens_by_signer for a key. The %s is the database's clock.
const signedTokensSQL = `
WITH clock AS MATERIALIZED (SELECT %s AS now)
SELECT k.kid, (
    SELECT count(*) FROM (
        SELECT 1 FROM tokens t WHERE t.key_id = k.kid AND t.format = 'jwt' AND t.revoked_at IS NULL AND t.expires_at > clock.now LIMIT ?
    ) living
) AS tokens, ` + lastSignedSQL + ` AS until
FROM clock CROSS JOIN signing_keys k`

// readSignedUntil completes the retiring keys of a ring.
func readSignedUntil(tx *gorm.DB, ring []keys.Key) error {
	var rows []struct {
		Kid   string
		Until *int64
	}
	if err := tx.Raw(signedUntilSQL).Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		for i := range ring {
			if ring[i].ID == m2m.KeyID(r.Kid) {
				ring[i].SignedUntil = fromNullMillis(r.Until)
			}
		}
	}
	return nil
}

// countSignedSQL counts all of one key. The %s is the database's clock.
const countSignedSQL = `
SELECT count(*) FROM tokens t WHERE t.key_id = ? AND t.format = 'jwt' AND t.revoked_at IS NULL AND t.expires_at > (SELECT %s)`

// CountSigned satisfies keys.Store.
func (d *DB) CountSigned(ctx context.Context, kid m2m.KeyID) (n int64, err error) {
	query := fmt.Sprintf(countSignedSQL, d.dialect.now)
	if err := d.gorm.WithContext(ctx).Raw(query, storable(string(kid))).Find(&n).Error; err != nil {
		return 0, outward("count the signed tokens of a key", err)
	}
	return n, nil
}

// SignedTokens counts the living tokens of every key that has any, no further than most each.
func (d *DB) SignedTokens(ctx context.Context, most int64) (map[m2m.KeyID]keys.Signed, error) {
	var rows []struct {
		Kid    string
		Tokens int64
		Until  *int64
	}
	if err := d.gorm.WithContext(ctx).Raw(fmt.Sprintf(signedTokensSQL, d.dialect.now), most).Find(&rows).Error; err != nil {
		return nil, outward("count signed tokens", err)
	}
	out := map[m2m.KeyID]keys.Signed{}
	for _, r := range rows {
		if r.Tokens > 0 {
			out[m2m.KeyID(r.Kid)] = keys.Signed{Tokens: r.Tokens, Until: fromNullMillis(r.Until)}
		}
	}
	return out, nil
}
