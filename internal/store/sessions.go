package store

import (
	"context"
	"strconv"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
)

type sessionRow struct {
	Hash      []byte `gorm:"primaryKey"`
	KeyHash   []byte
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	SeenAt    int64
	Notice    *string
}

// TableName is for gorm.
func (sessionRow) TableName() string { return "sessions" }

// OpenSession satisfies sessions.Store.
func (d *DB) OpenSession(ctx context.Context, by m2m.Actor, key secret.Hash, n sessions.Opening, l sessions.Limits) error {
	return d.inTx(ctx, "open a session", func(tx *gorm.DB) error {
		return d.openSession(tx, by, key[:], n, l, map[string]string{"by": "instance key"})
	})
}

// openSession keeps a session of the holder of the key. The row of the instance is locked: a key that is being changed opens nothing.
func (d *DB) openSession(tx *gorm.DB, by m2m.Actor, key []byte, n sessions.Opening, l sessions.Limits, details map[string]string) error {
	var rows []instanceRow
	if err := tx.Clauses(forShare).Where("singleton = 1 AND key_hash = ?", key).Find(&rows).Error; err != nil {
		return err
	}
	if len(rows) == 0 {
		return m2m.ErrNotFound
	}
	now, err := d.clock(tx)
	if err != nil {
		return err
	}
	over := tx.Where("hash = ? OR seen_at <= ? OR created_at <= ?", n.Previous[:], now-l.Idle.Milliseconds(), now-l.Absolute.Milliseconds())
	if err := over.Delete(&sessionRow{}).Error; err != nil {
		return err
	}
	if err := tx.Create(&sessionRow{Hash: n.Hash[:], KeyHash: key, CreatedAt: now, SeenAt: now}).Error; err != nil {
		return err
	}
	return d.writeAudit(tx, by, "session.sign_in", rows[0].ID, details)
}

// sessionSQL finds a session by its primary key, unless its instance key was changed. Its limits are judged by the database's clock.
const sessionSQL = `
SELECT s.created_at, s.seen_at, s.notice FROM sessions s JOIN instance i ON i.singleton = 1 AND i.key_hash = s.key_hash
WHERE s.hash = ? AND s.seen_at > ? AND s.created_at > ?`

// Session satisfies sessions.Store.
func (d *DB) Session(ctx context.Context, hash secret.Hash, l sessions.Limits) (sessions.Session, error) {
	var rows []sessionRow
	var now int64
	err := d.inSnapshot(ctx, "find a session", func(tx *gorm.DB) (err error) {
		if now, err = d.clock(tx); err != nil {
			return err
		}
		return tx.Raw(sessionSQL, hash[:], now-l.Idle.Milliseconds(), now-l.Absolute.Milliseconds()).Find(&rows).Error
	})
	if err != nil {
		return sessions.Session{}, err
	}
	if len(rows) == 0 {
		return sessions.Session{}, m2m.ErrNotFound
	}
	r := rows[0]
	if r.SeenAt <= now-coarseMillis {
		err := d.inTx(ctx, "note the use of a session", func(tx *gorm.DB) error {
			return tx.Model(&sessionRow{}).Where("hash = ? AND seen_at < ?", hash[:], now).Update("seen_at", now).Error
		})
		if err != nil {
			return sessions.Session{}, err
		}
	}
	out := sessions.Session{Hash: hash, SignedInAt: fromMillis(r.CreatedAt), Until: fromMillis(r.CreatedAt).Add(l.Absolute)}
	if r.Notice != nil {
		out.Notice = *r.Notice
	}
	return out, nil
}

// EndSession satisfies sessions.Store.
func (d *DB) EndSession(ctx context.Context, by m2m.Actor, hash secret.Hash) error {
	return d.inTx(ctx, "end a session", func(tx *gorm.DB) error {
		gone := tx.Where("hash = ?", hash[:]).Delete(&sessionRow{})
		if gone.Error != nil || gone.RowsAffected == 0 {
			return gone.Error
		}
		return d.auditInstance(tx, by, "session.sign_out", nil)
	})
}

// EndSessions satisfies sessions.Store.
func (d *DB) EndSessions(ctx context.Context, by m2m.Actor) (n int64, err error) {
	err = d.inTx(ctx, "end all sessions", func(tx *gorm.DB) error {
		gone := tx.Where("1 = 1").Delete(&sessionRow{})
		if gone.Error != nil {
			return gone.Error
		}
		n = gone.RowsAffected
		return d.auditInstance(tx, by, "session.sign_out_everywhere", map[string]string{"sessions": strconv.FormatInt(n, 10)})
	})
	return n, err
}

// SetNotice satisfies sessions.Store.
func (d *DB) SetNotice(ctx context.Context, hash secret.Hash, notice string) error {
	return d.inTx(ctx, "leave a notice", func(tx *gorm.DB) error {
		return tx.Model(&sessionRow{}).Where("hash = ?", hash[:]).Update("notice", nullStorable(notice)).Error
	})
}

// auditInstance records what was done to the instance as a whole.
func (d *DB) auditInstance(tx *gorm.DB, by m2m.Actor, action string, details map[string]string) error {
	var ids []string
	if err := tx.Model(&instanceRow{}).Pluck("id", &ids).Error; err != nil {
		return err
	}
	if len(ids) == 0 {
		return m2m.ErrNotFound
	}
	return d.writeAudit(tx, by, action, ids[0], details)
}
