package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// instanceRow is the one row of its table: the schema allows no second.
type instanceRow struct {
	Singleton     int `gorm:"primaryKey;autoIncrement:false"`
	ID            string
	Issuer        string
	KeyHash       []byte
	Canary        []byte
	CanaryVersion string
	RingVersion   int64
	CreatedAt     int64 `gorm:"autoCreateTime:false"`
}

// TableName is for gorm.
func (instanceRow) TableName() string { return "instance" }

// Instance reads the record. m2m.ErrNotFound: this database has none yet.
func (d *DB) Instance(ctx context.Context) (instance.Record, error) {
	const act = "read the instance"
	var rows []instanceRow
	if err := d.gorm.WithContext(ctx).Find(&rows).Error; err != nil {
		return instance.Record{}, outward(act, err)
	}
	if len(rows) == 0 {
		return instance.Record{}, outward(act, m2m.ErrNotFound)
	}
	r := rows[0]
	out := instance.Record{
		ID: m2m.InstanceID(r.ID), Issuer: r.Issuer, Canary: secret.Sealed{Version: r.CanaryVersion, Bytes: r.Canary},
		CreatedAt: fromMillis(r.CreatedAt),
	}
	copy(out.KeyHash[:], r.KeyHash) // 32 bytes, by the schema
	return out, nil
}

// CreateInstance writes the record. m2m.ErrConflict: another process was first.
func (d *DB) CreateInstance(ctx context.Context, r instance.Record) error {
	return d.inTx(ctx, "create the instance", func(tx *gorm.DB) error {
		err := tx.Create(&instanceRow{
			Singleton: 1, ID: string(r.ID), Issuer: r.Issuer, KeyHash: r.KeyHash[:], Canary: r.Canary.Bytes,
			CanaryVersion: r.Canary.Version, CreatedAt: millis(r.CreatedAt),
		}).Error
		return conflictIfDuplicate(err)
	})
}

// SetInstanceKey replaces the hash of the instance key. m2m.ErrNotFound: there is no instance. It is told to the log too: a replica that
// is started with an old key makes that one valid again.
func (d *DB) SetInstanceKey(ctx context.Context, by m2m.Actor, h secret.Hash) error {
	err := d.inTx(ctx, "change the instance key", func(tx *gorm.DB) error {
		var ids []string
		if err := tx.Model(&instanceRow{}).Clauses(forChange).Pluck("id", &ids).Error; err != nil {
			return err
		}
		if len(ids) == 0 {
			return m2m.ErrNotFound
		}
		if err := tx.Model(&instanceRow{}).Where("singleton = 1").Update("key_hash", h[:]).Error; err != nil {
			return err
		}
		return d.writeAudit(tx, by, "instance.key_changed", ids[0], nil)
	})
	if err == nil {
		d.logger.WarnContext(ctx, "the instance key was changed: the one before is no longer valid, here and on every replica; if this process was "+
			"started with an old key, start it again with the new one")
	}
	return err
}

// conflictIfDuplicate turns the word of a uniqueness constraint into the domain's.
func conflictIfDuplicate(err error) error {
	if err != nil && duplicate(err) {
		return fmt.Errorf("%w: %s", m2m.ErrConflict, safeText(err))
	}
	return err
}
