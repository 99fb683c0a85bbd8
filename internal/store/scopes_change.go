package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
)

// ChangeScopes satisfies machines.ScopeStore. from and the machines to be added are locked together, in the order of every lock on machines.
func (d *DB) ChangeScopes(ctx context.Context, by m2m.Actor, from m2m.MachineID, add, remove m2m.Scopes, at time.Time) error {
	return d.inTx(ctx, "change scopes", func(tx *gorm.DB) error {
		if err := lockWithReceivers(tx, from, add); err != nil {
			return err
		}
		for _, to := range remove {
			gone := tx.Where("from_id = ? AND to_id = ?", string(from), string(to)).Delete(&scopeRow{})
			if gone.Error != nil {
				return gone.Error
			}
			if gone.RowsAffected == 0 {
				continue
			}
			if err := d.writeAudit(tx, by, "scope.remove", string(from), map[string]string{"to_machine_id": string(to)}); err != nil {
				return err
			}
		}
		return d.addScopes(tx, by, from, add, at)
	})
}

// addScopes gives those that are not given yet, behind the others.
func (d *DB) addScopes(tx *gorm.DB, by m2m.Actor, from m2m.MachineID, add m2m.Scopes, at time.Time) error {
	var had []string
	if err := tx.Model(&scopeRow{}).Where("from_id = ?", string(from)).Pluck("to_id", &had).Error; err != nil {
		return err
	}
	last, err := lastPosition(tx, from)
	if err != nil {
		return err
	}
	for _, to := range add {
		if slices.Contains(had, string(to)) {
			continue
		}
		last++
		if err := tx.Create(&scopeRow{FromID: string(from), ToID: string(to), Position: last, CreatedAt: millis(at)}).Error; err != nil {
			return err
		}
		if err := d.writeAudit(tx, by, "scope.add", string(from), map[string]string{"to_machine_id": string(to)}); err != nil {
			return err
		}
	}
	n, err := livingScopes(tx, from)
	if err != nil || n <= m2m.MaxScopes {
		return err
	}
	return &m2m.FieldError{
		Field: "scoped_machines", Reason: m2m.WrongValue,
		Message: fmt.Sprintf("a machine may call at most %d machines", m2m.MaxScopes),
	}
}

// lockWithReceivers tells apart which end of a scope does not live.
func lockWithReceivers(tx *gorm.DB, from m2m.MachineID, to m2m.Scopes) error {
	err := lockLiving(tx, append(m2m.Scopes{from}, to...)...)
	if err == nil || len(to) == 0 {
		return err
	}
	if fromErr := lockLiving(tx, from); fromErr != nil {
		return fromErr
	}
	return &m2m.FieldError{Field: "scoped_machines", Reason: m2m.NoSuchThing, Message: "a machine with one of these ids does not exist"}
}

// livingScopes counts the machines that from may call.
func livingScopes(tx *gorm.DB, from m2m.MachineID) (n int64, err error) {
	err = tx.Table("machine_scopes AS s").Joins("JOIN machines AS m ON m.id = s.to_id AND m.deleted_at IS NULL").
		Where("s.from_id = ?", string(from)).Count(&n).Error
	return n, err
}
