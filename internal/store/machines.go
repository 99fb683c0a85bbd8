package store

import (
	"context"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// living is the condition that every look-up of a machine has: tombstones are nobody's.
const living = "deleted_at IS NULL"

// CreateMachine stores m with its scopes and its first secret. The receivers are locked, so that none of them is deleted before the commit.
func (d *DB) CreateMachine(ctx context.Context, by m2m.Actor, m m2m.Machine, s machines.SecretRow) (machines.Detail, error) {
	var out machines.Detail
	err := d.inTx(ctx, "create a machine", func(tx *gorm.DB) error {
		if err := receiversLive(tx, m.Scopes); err != nil {
			return err
		}
		row := rowOf(m)
		if err := conflictIfDuplicate(tx.Create(&row).Error); err != nil {
			return err
		}
		if err := d.insertSecret(tx, m.ID, s); err != nil {
			return err
		}
		if err := insertScopes(tx, m); err != nil {
			return err
		}
		details := map[string]string{"name": m.Name}
		if len(m.Scopes) > 0 {
			details["scoped_machines"] = m.Scopes.String()
		}
		if err := d.writeAudit(tx, by, "machine.create", string(m.ID), details); err != nil {
			return err
		}
		var err error
		out, err = detail(tx, m.ID)
		return err
	})
	return out, err
}

// Machine gives one.
func (d *DB) Machine(ctx context.Context, id m2m.MachineID) (machines.Detail, error) {
	var out machines.Detail
	err := d.inSnapshot(ctx, "find a machine", func(tx *gorm.DB) error {
		var err error
		out, err = detail(tx, id)
		return err
	})
	return out, err
}

// UpdateMachine applies change to the machine under a row lock.
func (d *DB) UpdateMachine(ctx context.Context, by m2m.Actor, id m2m.MachineID, change func(*m2m.Machine) error) (machines.Detail, error) {
	var out machines.Detail
	err := d.inTx(ctx, "update a machine", func(tx *gorm.DB) error {
		if err := lockLiving(tx, id); err != nil {
			return err
		}
		before, err := detail(tx, id)
		if err != nil {
			return err
		}
		after := before.Machine
		after.Scopes = slices.Clone(before.Scopes)
		if err := asIs(change(&after)); err != nil {
			return err
		}
		row := rowOf(after)
		err = tx.Model(&machineRow{}).Where("id = ?", string(id)).Updates(map[string]any{
			"name": row.Name, "default_ttl": row.DefaultTTL, "default_format": row.DefaultFormat, "public_jwk": row.PublicJWK,
			"updated_at": row.UpdatedAt,
		}).Error
		if err != nil {
			return err
		}
		if err := d.writeAudit(tx, by, "machine.update", string(id), changes(rowOf(before.Machine), row)); err != nil {
			return err
		}
		out, err = detail(tx, id)
		return err
	})
	return out, err
}

// changes tells for the audit log what a machine has now that it did not have before.
func changes(before, after machineRow) map[string]string {
	out := map[string]string{}
	if before.Name != after.Name {
		out["name"] = after.Name
	}
	if ttl := ttlText(after); ttl != ttlText(before) {
		out["default_token_ttl"] = ttl
	}
	if before.DefaultFormat != after.DefaultFormat {
		out["default_token_format"] = after.DefaultFormat
	}
	switch had, has := before.PublicJWK, after.PublicJWK; {
	case has == nil && had != nil:
		out["public_jwk"] = "removed"
	case has != nil && (had == nil || *had != *has):
		out["public_jwk"] = "set"
	}
	return out
}

func ttlText(r machineRow) string {
	if r.DefaultTTL == nil {
		return "null"
	}
	return strconv.FormatInt(*r.DefaultTTL, 10)
}

// DeleteMachine makes a tombstone. Its secrets go for good: nothing could use them, and what is not there cannot leak.
func (d *DB) DeleteMachine(ctx context.Context, by m2m.Actor, id m2m.MachineID, at time.Time) error {
	return d.inTx(ctx, "delete a machine", func(tx *gorm.DB) error {
		if err := lockLiving(tx, id); err != nil {
			return err
		}
		stamp := map[string]any{"deleted_at": millis(at), "updated_at": millis(at)}
		if err := tx.Model(&machineRow{}).Where("id = ?", string(id)).Updates(stamp).Error; err != nil {
			return err
		}
		if err := tx.Where("machine_id = ?", string(id)).Delete(&secretRow{}).Error; err != nil {
			return err
		}
		return d.writeAudit(tx, by, "machine.delete", string(id), nil)
	})
}

// lockLiving locks machines for a change, always in the same order, so that two changes wait for each other and do not deadlock.
// m2m.ErrMachineNotFound: one of them does not live.
func lockLiving(tx *gorm.DB, ids ...m2m.MachineID) error {
	names := texts(ids)
	slices.Sort(names)
	names = slices.Compact(names)
	var found []string
	lock := tx.Model(&machineRow{}).Clauses(forChange).Where("id IN ?", names).Where(living).Order("id")
	if err := lock.Pluck("id", &found).Error; err != nil {
		return err
	}
	if len(found) != len(names) {
		return m2m.ErrMachineNotFound
	}
	return nil
}

// detail reads a living machine with the machines that it may call.
func detail(tx *gorm.DB, id m2m.MachineID) (machines.Detail, error) {
	var rows []machineRow
	if err := tx.Where("id = ?", storable(string(id))).Where(living).Find(&rows).Error; err != nil {
		return machines.Detail{}, err
	}
	if len(rows) == 0 {
		return machines.Detail{}, m2m.ErrMachineNotFound
	}
	page, err := withScopes(tx, rows)
	if err != nil {
		return machines.Detail{}, err
	}
	return page[0], nil
}
