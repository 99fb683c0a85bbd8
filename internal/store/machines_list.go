package store

import (
	"context"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/machines"
)

// Machines gives one page and the number of all that match, of one moment, with three queries however long the page is.
func (d *DB) Machines(ctx context.Context, q machines.Query) ([]machines.Detail, int64, error) {
	if !utf8.ValidString(q.Text) || strings.ContainsRune(q.Text, 0) {
		return []machines.Detail{}, 0, nil // no stored text contains that, and PostgreSQL would not take the question
	}
	var page []machines.Detail
	var total int64
	err := d.inSnapshot(ctx, "list machines", func(tx *gorm.DB) error {
		match := tx.Model(&machineRow{}).Where(living)
		if q.Text != "" {
			match = match.Where("(id = ? OR "+d.dialect.nameContains+")", q.Text, lowerASCII(q.Text))
		}
		match = match.Session(&gorm.Session{})
		if err := match.Count(&total).Error; err != nil {
			return err
		}
		var rows []machineRow
		find := match.Order(order(q)).Limit(max(q.Limit, 0)).Offset(max(q.Offset, 0))
		if err := find.Find(&rows).Error; err != nil {
			return err
		}
		var err error
		page, err = withScopes(tx, rows)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return page, total, nil
}

// order is one of four constants (R19). Both databases compare ids and names bytewise.
func order(q machines.Query) string {
	switch {
	case q.ByName && q.Asc:
		return "name ASC, id ASC"
	case q.ByName:
		return "name DESC, id DESC"
	case q.Asc:
		return "created_at ASC, id ASC"
	default:
		return "created_at DESC, id DESC"
	}
}

// lowerASCII is what lower does in both databases.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
