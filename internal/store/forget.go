package store

import (
	"context"

	"gorm.io/gorm"
)

// forgetSQL takes what could be opened from tokens that have expired. It is found by tokens_by_seal, that is in the order of all tokens
// which can be handed out again; there are about as many as there are callers.
const forgetSQL = `
UPDATE tokens SET reuse_key = NULL, sealed = NULL, key_version = NULL
WHERE id IN (SELECT id FROM tokens WHERE key_version IS NOT NULL AND expires_at <= `

// ForgetExpired takes the sealed form and the fingerprint from at most so many tokens that have expired by the database's clock, and
// tells from how many: they will never be handed out again, so nobody has to be able to open them. Whatever another transaction holds is
// left for the next call, so replicas may call it at the same time. The tokens themselves stay.
func (d *DB) ForgetExpired(ctx context.Context, most int) (forgotten int64, err error) {
	statement := forgetSQL + d.dialect.now + " LIMIT ?)"
	if d.postgres() {
		statement = forgetSQL + d.dialect.now + " LIMIT ? FOR NO KEY UPDATE SKIP LOCKED)"
	}
	err = d.inTx(ctx, "forget expired tokens", func(tx *gorm.DB) error {
		done := tx.Exec(statement, most)
		forgotten = done.RowsAffected
		return done.Error
	})
	return forgotten, err
}
