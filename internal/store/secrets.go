package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

type secretRow struct {
	Hash       []byte `gorm:"primaryKey"`
	MachineID  string
	Sealed     []byte
	KeyVersion string
	CreatedAt  int64  `gorm:"autoCreateTime:false"`
	ExpiresAt  *int64 // nil: the current one
}

// TableName is for gorm.
func (secretRow) TableName() string { return "machine_secrets" }

// ViewSecret reads the current secret.
func (d *DB) ViewSecret(ctx context.Context, by m2m.Actor, id m2m.MachineID) (machines.SecretRow, error) {
	var out machines.SecretRow
	err := d.inTx(ctx, "view a machine secret", func(tx *gorm.DB) error {
		if err := lockLiving(tx, id); err != nil {
			return err
		}
		var row secretRow
		if err := tx.Where("machine_id = ? AND expires_at IS NULL", string(id)).Take(&row).Error; err != nil {
			return err
		}
		copy(out.Hash[:], row.Hash) // 32 bytes, by the schema
		out.Sealed = secret.Sealed{Version: row.KeyVersion, Bytes: row.Sealed}
		return d.writeAudit(tx, by, "machine.secret_viewed", string(id), nil)
	})
	return out, err
}

// CurrentSecret satisfies machines.SecretStore.
func (d *DB) CurrentSecret(ctx context.Context, id m2m.MachineID) (secret.Hash, error) {
	hash, err := currentSecret(d.gorm.WithContext(ctx), id)
	return hash, outward("find a machine secret", err)
}

// PreviousSecretEnds satisfies machines.SecretStore. Index: machine_secrets_one_previous.
func (d *DB) PreviousSecretEnds(ctx context.Context, id m2m.MachineID) (time.Time, error) {
	var ends []*int64
	query := "SELECT expires_at FROM machine_secrets WHERE machine_id = ? AND expires_at IS NOT NULL AND expires_at > (SELECT " + d.dialect.now + ")"
	err := d.gorm.WithContext(ctx).Raw(query, storable(string(id))).Find(&ends).Error
	if err != nil || len(ends) == 0 {
		return time.Time{}, outward("find the machine secret before", err)
	}
	return fromNullMillis(ends[0]), nil
}

// currentSecret finds what a living machine has: a deleted one has no secrets.
func currentSecret(tx *gorm.DB, id m2m.MachineID) (h secret.Hash, err error) {
	var row secretRow
	err = tx.Where("machine_id = ? AND expires_at IS NULL", storable(string(id))).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = m2m.ErrMachineNotFound
	}
	copy(h[:], row.Hash) // 32 bytes, by the schema
	return h, err
}

// RotateSecret makes next the current secret. The end of the old one is written down in the database's time, and whoever authenticates
// compares it with that same clock (R20).
func (d *DB) RotateSecret(ctx context.Context, by m2m.Actor, id m2m.MachineID, next machines.SecretRow, overlap time.Duration) error {
	return d.inTx(ctx, "rotate a machine secret", func(tx *gorm.DB) error {
		if err := lockLiving(tx, id); err != nil {
			return err
		}
		if next.Replaces != "" {
			current, err := currentSecret(tx, id)
			if err != nil {
				return err
			}
			if machines.SecretMark(current) != next.Replaces {
				return m2m.ErrConflict
			}
		}
		older := tx.Where("machine_id = ?", string(id))
		if overlap > 0 {
			older = older.Where("expires_at IS NOT NULL")
		}
		if err := older.Delete(&secretRow{}).Error; err != nil {
			return err
		}
		end := gorm.Expr(d.dialect.now+" + ?", overlap.Milliseconds())
		if err := tx.Model(&secretRow{}).Where("machine_id = ?", string(id)).Update("expires_at", end).Error; err != nil {
			return err
		}
		if err := d.insertSecret(tx, id, next); err != nil {
			return err
		}
		details := map[string]string{"previous_token_ttl": strconv.FormatInt(int64(overlap/time.Second), 10)}
		return d.writeAudit(tx, by, "machine.secret_rotated", string(id), details)
	})
}

// insertSecret stores a current secret.
func (d *DB) insertSecret(tx *gorm.DB, id m2m.MachineID, s machines.SecretRow) error {
	at, err := d.clock(tx)
	if err != nil {
		return err
	}
	return conflictIfDuplicate(tx.Create(&secretRow{
		Hash: s.Hash[:], MachineID: string(id), Sealed: s.Sealed.Bytes, KeyVersion: s.Sealed.Version, CreatedAt: at,
	}).Error)
}
