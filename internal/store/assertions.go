package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// PublicJWK satisfies machines.AssertionStore. It costs one query, which the primary key serves.
func (d *DB) PublicJWK(ctx context.Context, id m2m.MachineID) ([]byte, error) {
	var keys []string
	found := d.gorm.WithContext(ctx).Table("machines").Where("id = ? AND public_jwk IS NOT NULL", storable(string(id))).Where(living)
	if err := found.Limit(1).Pluck("public_jwk", &keys).Error; err != nil {
		return nil, outward("find a public key", err)
	}
	if len(keys) == 0 {
		return nil, m2m.ErrRefused
	}
	return []byte(keys[0]), nil
}

// useAssertionSQL writes down a use that has not been written down, of an assertion that still lives. That condition makes forgetting safe:
// rows are forgotten a while after they expired by this same clock, so whoever comes back for a forgotten one is too late here, however
// long it was paused.
const useAssertionSQL = `
INSERT INTO client_assertions (machine_id, use_hash, expires_at)
SELECT id, ?, ? FROM machines
WHERE id = ? AND deleted_at IS NULL AND public_jwk = ? AND `

// UseAssertion satisfies machines.AssertionStore. The primary key decides between calls with one assertion: the second waits for the first
// to commit.
func (d *DB) UseAssertion(ctx context.Context, a m2m.Assertion, jwk []byte) (machines.Proven, error) {
	var out machines.Proven
	err := d.inTx(ctx, "use a client assertion", func(tx *gorm.DB) error {
		id, ends := storable(string(a.Machine)), millis(a.ExpiresAt)
		used := tx.Exec(useAssertionSQL+d.dialect.now+" < ? ON CONFLICT DO NOTHING", a.Use[:], ends, id, string(jwk), ends)
		if used.Error != nil {
			return used.Error
		}
		if used.RowsAffected != 1 {
			return m2m.ErrRefused
		}
		found, err := detail(tx, a.Machine)
		if err != nil {
			return err
		}
		var current secretRow
		if err := tx.Where("machine_id = ? AND expires_at IS NULL", id).Take(&current).Error; err != nil {
			return err
		}
		out.Machine = found.Machine
		copy(out.Current[:], current.Hash) // 32 bytes, by the schema
		return nil
	})
	if err != nil {
		return machines.Proven{}, err
	}
	return out, nil
}

// forgetAfter is how long after its assertion a use is remembered, in milliseconds: longer than a statement that began before can take.
const forgetAfter = "60000"

// ForgetAssertions takes at most so many uses of assertions that expired a minute ago by the database's clock, and tells how many. The
// index client_assertions_by_end finds them. Replicas may call it at the same time.
func (d *DB) ForgetAssertions(ctx context.Context, most int) (forgotten int64, err error) {
	statement := "DELETE FROM client_assertions WHERE (machine_id, use_hash) IN (SELECT machine_id, use_hash FROM client_assertions" +
		" WHERE expires_at <= " + d.dialect.now + " - " + forgetAfter + " LIMIT ?"
	if d.postgres() {
		statement += " FOR UPDATE SKIP LOCKED"
	}
	err = d.inTx(ctx, "forget used assertions", func(tx *gorm.DB) error {
		done := tx.Exec(statement+")", most)
		forgotten = done.RowsAffected
		return done.Error
	})
	return forgotten, err
}
