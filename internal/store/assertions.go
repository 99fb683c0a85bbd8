package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// AssertionKey satisfies machines.AssertionStore. It costs one query, which two indexes serve.
func (d *DB) AssertionKey(ctx context.Context, id m2m.MachineID) (machines.AssertionKey, error) {
	var found []struct {
		PublicJWK string
		Hash      []byte
	}
	err := d.gorm.WithContext(ctx).Raw(assertionKeySQL, storable(string(id))).Find(&found).Error
	if err != nil {
		return machines.AssertionKey{}, outward("find a public key", err)
	}
	if len(found) != 1 {
		return machines.AssertionKey{}, m2m.ErrRefused
	}
	key := machines.AssertionKey{JWK: []byte(found[0].PublicJWK)}
	copy(key.Current[:], found[0].Hash) // 32 bytes, by the schema
	return key, nil
}

const assertionKeySQL = `
SELECT m.public_jwk, s.hash FROM machines m JOIN machine_secrets s ON s.machine_id = m.id AND s.expires_at IS NULL
WHERE m.id = ? AND m.public_jwk IS NOT NULL AND m.deleted_at IS NULL`

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
		// A commit between these statements may delete the machine.
		found, err := detail(tx, a.Machine)
		if errors.Is(err, m2m.ErrMachineNotFound) {
			return m2m.ErrRefused
		}
		if err != nil {
			return err
		}
		out.Machine = found.Machine
		out.Current, err = currentSecret(tx, a.Machine)
		if errors.Is(err, m2m.ErrMachineNotFound) {
			return m2m.ErrRefused
		}
		return err
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
