package store

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
)

type linkRow struct {
	Hash      []byte `gorm:"primaryKey"`
	ExpiresAt int64
}

// TableName is for gorm.
func (linkRow) TableName() string { return "first_links" }

// CreateLink satisfies sessions.LinkStore.
func (d *DB) CreateLink(ctx context.Context, hash secret.Hash, life time.Duration) error {
	return d.inTx(ctx, "make a link", func(tx *gorm.DB) error {
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		return tx.Create(&linkRow{Hash: hash[:], ExpiresAt: now + life.Milliseconds()}).Error
	})
}

// OpenSessionByLink satisfies sessions.LinkStore. Whoever deletes the row of the link has it.
func (d *DB) OpenSessionByLink(ctx context.Context, by m2m.Actor, link secret.Hash, n sessions.Opening, l sessions.Limits) error {
	return d.inTx(ctx, "open a session", func(tx *gorm.DB) error {
		gone := tx.Where("hash = ? AND expires_at > "+d.dialect.now, link[:]).Delete(&linkRow{})
		if gone.Error != nil {
			return gone.Error
		}
		if gone.RowsAffected == 0 {
			return m2m.ErrNotFound
		}
		var keys [][]byte
		if err := tx.Model(&instanceRow{}).Pluck("key_hash", &keys).Error; err != nil {
			return err
		}
		if len(keys) == 0 {
			return m2m.ErrNotFound
		}
		return d.openSession(tx, by, keys[0], n, l, map[string]string{"by": "link of the first start"})
	})
}

// RefuseSignIn satisfies sessions.LinkStore.
func (d *DB) RefuseSignIn(ctx context.Context, by m2m.Actor, unrecorded int64) error {
	return d.inTx(ctx, "record a refused sign-in", func(tx *gorm.DB) error {
		var details map[string]string
		if unrecorded > 0 {
			details = map[string]string{"unrecorded_before": strconv.FormatInt(unrecorded, 10)}
		}
		return d.auditInstance(tx, by, "session.sign_in_refused", details)
	})
}
