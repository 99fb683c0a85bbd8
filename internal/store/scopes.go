package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
)

type scopeRow struct {
	FromID    string `gorm:"primaryKey"`
	ToID      string `gorm:"primaryKey"`
	Position  int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

// TableName is for gorm.
func (scopeRow) TableName() string { return "machine_scopes" }

// AddScope lets from call to. The row is written first and counted then: the constraint says whether it was there (R66), and the lock on
// from makes the count true (R14).
func (d *DB) AddScope(ctx context.Context, by m2m.Actor, from, to m2m.MachineID, at time.Time) error {
	return d.inTx(ctx, "add a scope", func(tx *gorm.DB) error {
		if err := lockLiving(tx, from, to); err != nil {
			return err
		}
		last, err := lastPosition(tx, from)
		if err != nil {
			return err
		}
		row := scopeRow{FromID: string(from), ToID: string(to), Position: last + 1, CreatedAt: millis(at)}
		if err := conflictIfDuplicate(tx.Create(&row).Error); err != nil {
			return err
		}
		scopes, err := livingScopes(tx, from)
		if err != nil {
			return err
		}
		if scopes > m2m.MaxScopes {
			return &m2m.FieldError{
				Field: "to_machine_id", Reason: m2m.WrongValue,
				Message: fmt.Sprintf("the machine may call %d machines already, which is the most", m2m.MaxScopes),
			}
		}
		return d.writeAudit(tx, by, "scope.add", string(from), map[string]string{"to_machine_id": string(to)})
	})
}

// RemoveScope takes it back. m2m.ErrNotFound: it was not given.
func (d *DB) RemoveScope(ctx context.Context, by m2m.Actor, from, to m2m.MachineID) error {
	return d.inTx(ctx, "remove a scope", func(tx *gorm.DB) error {
		if err := lockLiving(tx, from, to); err != nil {
			return err
		}
		gone := tx.Where("from_id = ? AND to_id = ?", string(from), string(to)).Delete(&scopeRow{})
		if gone.Error != nil {
			return gone.Error
		}
		if gone.RowsAffected == 0 {
			return m2m.ErrNotFound
		}
		return d.writeAudit(tx, by, "scope.remove", string(from), map[string]string{"to_machine_id": string(to)})
	})
}

// receiversLive locks the receivers of a new machine, in the order of every lock on machines, and refuses what does not live.
func receiversLive(tx *gorm.DB, scopes m2m.Scopes) error {
	if len(scopes) == 0 {
		return nil
	}
	wrong := func(reason m2m.Reason, message string) error {
		return &m2m.FieldError{Field: "scoped_machines", Reason: reason, Message: message}
	}
	if len(scopes) > m2m.MaxScopes {
		return wrong(m2m.WrongValue, fmt.Sprintf("a machine may call at most %d machines", m2m.MaxScopes))
	}
	names := texts(scopes)
	slices.Sort(names)
	if len(slices.Compact(names)) != len(scopes) {
		return wrong(m2m.WrongValue, "a machine is named twice")
	}
	var found []string
	lock := tx.Model(&machineRow{}).Clauses(forShare).Where("id IN ?", names).Where(living).Order("id")
	if err := lock.Pluck("id", &found).Error; err != nil {
		return err
	}
	if len(found) != len(scopes) {
		return wrong(m2m.NoSuchThing, "a machine with one of these ids does not exist")
	}
	return nil
}

// insertScopes stores the scopes of a new machine in their order.
func insertScopes(tx *gorm.DB, m m2m.Machine) error {
	if len(m.Scopes) == 0 {
		return nil
	}
	rows := make([]scopeRow, len(m.Scopes))
	for i, to := range m.Scopes {
		rows[i] = scopeRow{FromID: string(m.ID), ToID: string(to), Position: int64(i) + 1, CreatedAt: millis(m.CreatedAt)}
	}
	return tx.Create(&rows).Error
}

func lastPosition(tx *gorm.DB, from m2m.MachineID) (int64, error) {
	var last int64
	err := tx.Model(&scopeRow{}).Where("from_id = ?", string(from)).Select("COALESCE(MAX(position), 0)").Find(&last).Error
	return last, err
}
