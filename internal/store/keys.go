package store

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

type keyRow struct {
	Kid           string `gorm:"primaryKey"`
	State         string
	PublicKey     []byte
	Sealed        []byte
	KeyVersion    string
	CreatedAt     int64 `gorm:"autoCreateTime:false"`
	ActivatedAt   *int64
	RetiredAt     *int64
	RemovedAt     *int64
	CompromisedAt *int64
}

// TableName is for gorm.
func (keyRow) TableName() string { return "signing_keys" }

// Ring reads the whole ring in one snapshot. Its clock is that of the statement which takes the snapshot. m2m.ErrNotFound: there is no
// instance yet, which the ring belongs to.
func (d *DB) Ring(ctx context.Context) (keys.Ring, error) {
	var ring keys.Ring
	err := d.inSnapshot(ctx, "read the signing keys", func(tx *gorm.DB) (err error) {
		var heads []struct{ RingVersion, At int64 }
		if err := tx.Raw("SELECT ring_version, " + d.dialect.now + " AS at FROM instance").Find(&heads).Error; err != nil {
			return err
		}
		if len(heads) == 0 {
			return m2m.ErrNotFound
		}
		var rows []keyRow
		if err := tx.Order("created_at, kid").Find(&rows).Error; err != nil {
			return err
		}
		ring = keys.Ring{Version: heads[0].RingVersion, At: fromMillis(heads[0].At), Keys: make([]keys.Key, len(rows))}
		for i, r := range rows {
			ring.Keys[i] = r.key()
		}
		if ring.Served, err = readServed(tx); err != nil {
			return err
		}
		return readSignedUntil(tx, ring.Keys)
	})
	return ring, err
}

// The date of a step is read behind every wait of its transaction. From there to the commit there are slowestChange, as the last
// statement sees to, and idleChange, after which PostgreSQL itself ends a session that leaves a transaction open: keys.LongestChange.
// What a commit waits for standbys is not in it.
const (
	slowestChange = keys.LongestChange / 2
	idleChange    = keys.LongestChange / 2
)

// errSlowChange: by the time that everything was written, its date was too old.
var errSlowChange = fmt.Errorf("%w: the database took too long", m2m.ErrUnavailable)

// ChangeRing applies all changes in one commit if the ring still has version was. Whoever is second waits for the row of the version and
// then finds another number in it.
func (d *DB) ChangeRing(ctx context.Context, by m2m.Actor, was int64, changes []keys.Change) error {
	return d.inTx(ctx, "change the signing keys", func(tx *gorm.DB) error {
		if err := d.notIdle(tx); err != nil {
			return err
		}
		if err := d.inTurn(tx); err != nil {
			return err
		}
		moved := tx.Model(&instanceRow{}).Where("singleton = 1 AND ring_version = ?", was).Update("ring_version", was+1)
		if moved.Error != nil {
			return moved.Error
		}
		if moved.RowsAffected == 0 {
			return m2m.ErrConflict
		}
		at, err := d.clock(tx)
		if err != nil {
			return err
		}
		for _, c := range activationsLast(changes) {
			c.Key = c.Dated(fromMillis(at))
			if err := changeKey(tx, c); err != nil {
				return err
			}
			if err := d.writeAudit(tx, by, "key."+string(c.Key.State), string(c.Key.ID), changeDetails(c)); err != nil {
				return err
			}
		}
		end, err := d.clock(tx)
		if err == nil && end-at > d.slowestChange.Milliseconds() {
			err = errSlowChange
		}
		return err
	})
}

// notIdle has PostgreSQL end the session if this transaction is left open without a statement: a process that was stopped in the middle
// of it holds nobody up, and cannot commit when it wakes. A SQLite file has no other process.
func (d *DB) notIdle(tx *gorm.DB) error {
	if !d.postgres() {
		return nil
	}
	return tx.Exec(fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", idleChange.Milliseconds())).Error
}

func changeDetails(c keys.Change) map[string]string {
	if !c.Forced {
		return nil
	}
	return map[string]string{"force": "true"}
}

// activationsLast lets a key step down before its successor steps up: the schema never sees two active ones (R38).
func activationsLast(changes []keys.Change) []keys.Change {
	sorted := slices.Clone(changes)
	slices.SortStableFunc(sorted, func(a, b keys.Change) int {
		switch up, otherUp := a.Key.State == keys.Active, b.Key.State == keys.Active; {
		case up == otherUp:
			return 0
		case up:
			return 1
		default:
			return -1
		}
	})
	return sorted
}

// changeKey writes one key, if it is in the state that the change starts from. What a key is sealed as belongs to whoever seals anew, until it
// is never to sign again: then its private half is dropped.
func changeKey(tx *gorm.DB, c keys.Change) error {
	row := keyRow{
		Kid: string(c.Key.ID), State: string(c.Key.State), PublicKey: c.Key.Public, Sealed: c.Key.Sealed.Bytes,
		KeyVersion: c.Key.Sealed.Version, CreatedAt: millis(c.Key.CreatedAt), ActivatedAt: nullMillis(c.Key.ActivatedAt),
		RetiredAt: nullMillis(c.Key.RetiredAt), RemovedAt: nullMillis(c.Key.RemovedAt), CompromisedAt: nullMillis(c.Key.CompromisedAt),
	}
	if c.From == "" {
		return conflictIfDuplicate(tx.Create(&row).Error)
	}
	columns := map[string]any{
		"state": row.State, "activated_at": row.ActivatedAt, "retired_at": row.RetiredAt, "removed_at": row.RemovedAt,
		"compromised_at": row.CompromisedAt,
	}
	if c.Key.State == keys.Removed || c.Key.State == keys.Compromised {
		columns["sealed"], columns["key_version"] = []byte{}, ""
	}
	changed := tx.Model(&keyRow{}).Where("kid = ? AND state = ?", row.Kid, string(c.From)).Updates(columns)
	if changed.Error != nil {
		return conflictIfDuplicate(changed.Error)
	}
	if changed.RowsAffected == 0 {
		return fmt.Errorf("%w: key %s is not %s", m2m.ErrConflict, row.Kid, c.From)
	}
	return nil
}

func (r keyRow) key() keys.Key {
	sealed := secret.Sealed{Version: r.KeyVersion, Bytes: r.Sealed}
	if sealed.Version == "" { // dropped
		sealed = secret.Sealed{}
	}
	return keys.Key{
		ID: m2m.KeyID(r.Kid), State: keys.State(r.State), Public: ed25519.PublicKey(r.PublicKey), Sealed: sealed,
		CreatedAt: fromMillis(r.CreatedAt), ActivatedAt: fromNullMillis(r.ActivatedAt), RetiredAt: fromNullMillis(r.RetiredAt),
		RemovedAt: fromNullMillis(r.RemovedAt), CompromisedAt: fromNullMillis(r.CompromisedAt),
	}
}
