package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/keys"
)

func readServed(tx *gorm.DB) ([]keys.Served, error) {
	var rows []struct{ MaxAge, Lease, Until int64 }
	if err := tx.Raw("SELECT max_age, lease, until FROM key_sets_served ORDER BY max_age, lease").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]keys.Served, len(rows))
	for i, r := range rows {
		out[i] = keys.Served{MaxAge: time.Duration(r.MaxAge) * time.Millisecond, Lease: time.Duration(r.Lease) * time.Millisecond, Until: fromMillis(r.Until)}
	}
	return out, nil
}

// ServeKeySet records that a replica may answer so until life from now. What stands there for longer stays.
func (d *DB) ServeKeySet(ctx context.Context, maxAge, lease, life time.Duration) error {
	return d.inTx(ctx, "record how the key set is served", func(tx *gorm.DB) error {
		return tx.Exec(`
INSERT INTO key_sets_served AS s (max_age, lease, until) VALUES (?, ?, `+d.dialect.now+` + ?)
ON CONFLICT (max_age, lease) DO UPDATE SET until = excluded.until WHERE s.until < excluded.until`,
			maxAge.Milliseconds(), lease.Milliseconds(), life.Milliseconds()).Error
	})
}
