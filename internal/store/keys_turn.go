package store

import "gorm.io/gorm"

// Tokens that are being recorded share their key's row, and PostgreSQL lets further ones share it although a change of the ring waits for
// the row: under load the change, a compromise perhaps, would wait for a gap. So both take a number first, at an advisory lock, where
// nobody overtakes. It keeps the order and nothing else: that nothing is recorded under a key which is not active is the row lock's doing
// (R40), and replicas that take no number only wait longer. Whoever takes both takes the number first. The two halves of its name keep it
// apart from the locks of fingerprints, which have one.
const (
	signInTurnSQL   = `SELECT pg_advisory_xact_lock_shared(25709, 1)`
	changeInTurnSQL = `SELECT pg_advisory_xact_lock(25709, 1)`
)

// inTurn waits until what was asked for before is recorded, and holds up what is asked for after. SQLite has one line for everything.
func (d *DB) inTurn(tx *gorm.DB) error {
	if !d.postgres() {
		return nil
	}
	return tx.Exec(changeInTurnSQL).Error
}
