package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// TokenID satisfies tokens.Finder. The unique index over the hashes serves it.
func (d *DB) TokenID(ctx context.Context, hash secret.Hash) (m2m.TokenID, error) {
	var ids []string
	err := d.inSnapshot(ctx, "find a token", func(tx *gorm.DB) error {
		return tx.Table("tokens").Where("hash = ?", hash[:]).Limit(1).Pluck("id", &ids).Error
	})
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", m2m.ErrNotFound
	}
	return m2m.TokenID(ids[0]), nil
}
