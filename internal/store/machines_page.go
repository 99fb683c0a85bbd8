package store

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// MachinePage satisfies machines.PageStore. The indexes machines_by_age and machines_by_name have the machines in their orders, and the
// page begins at its place in them: nothing before it is read. A search reads on from there until the page is full.
func (d *DB) MachinePage(ctx context.Context, q machines.PageQuery) (machines.Page, error) {
	if !utf8.ValidString(q.Text) || strings.ContainsRune(q.Text, 0) {
		return machines.Page{}, nil
	}
	var page machines.Page
	err := d.inSnapshot(ctx, "list machines", func(tx *gorm.DB) error {
		find := tx.Model(&machineRow{}).Where(living)
		if q.Text != "" {
			find = find.Where("(id = ? OR "+d.dialect.nameContains+")", q.Text, lowerASCII(q.Text))
		}
		ascending := q.Asc != q.Back
		if q.From != "" {
			find = find.Where(behind(q.ByName, ascending), storable(string(q.From)))
		}
		var rows []machineRow
		limit := max(q.Limit, 0)
		find = find.Order(order(machines.Query{ByName: q.ByName, Asc: ascending})).Limit(limit + 1)
		if err := find.Find(&rows).Error; err != nil {
			return err
		}
		more := len(rows) > limit
		rows = rows[:min(len(rows), limit)]
		page.Previous, page.Next = q.From != "", more
		if q.Back {
			slices.Reverse(rows)
			page.Previous, page.Next = more, q.From != ""
		}
		var err error
		page.Machines, err = summaries(tx, rows)
		return err
	})
	if err != nil {
		return machines.Page{}, err
	}
	return page, nil
}

// behind is the condition that a machine stands behind another, living or not, in an order (R19: one of four constants).
func behind(byName, ascending bool) string {
	switch {
	case byName && ascending:
		return "(name, id) > (SELECT f.name, f.id FROM machines f WHERE f.id = ?)"
	case byName:
		return "(name, id) < (SELECT f.name, f.id FROM machines f WHERE f.id = ?)"
	case ascending:
		return "(created_at, id) > (SELECT f.created_at, f.id FROM machines f WHERE f.id = ?)"
	default:
		return "(created_at, id) < (SELECT f.created_at, f.id FROM machines f WHERE f.id = ?)"
	}
}

// summaries adds to machines how many they may call, and how many may call them, with one query for each.
func summaries(tx *gorm.DB, rows []machineRow) ([]machines.Summary, error) {
	out := make([]machines.Summary, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		out[i].Machine = r.machine()
		ids[i] = r.ID
	}
	mayCall, err := countScopes(tx, "s.from_id", "s.to_id", ids)
	if err != nil {
		return nil, err
	}
	mayBeCalled, err := countScopes(tx, "s.to_id", "s.from_id", ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		out[i].MayCall, out[i].MayBeCalled = mayCall[id], mayBeCalled[id]
	}
	return out, nil
}

// countScopes counts the scopes of each of these machines whose other end lives. The columns are constants of its callers.
func countScopes(tx *gorm.DB, of, other string, ids []string) (map[string]int, error) {
	var rows []struct {
		ID string
		N  int
	}
	err := tx.Table("machine_scopes AS s").Select(of+" AS id, count(*) AS n").
		Joins("JOIN machines AS m ON m.id = "+other+" AND m.deleted_at IS NULL").
		Where(of+" IN ?", ids).Group(of).Find(&rows).Error
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.ID] = r.N
	}
	return out, err
}

// CallersOf satisfies machines.PageStore, by the index machine_scopes_by_receiver.
func (d *DB) CallersOf(ctx context.Context, id m2m.MachineID, limit int) ([]m2m.Machine, error) {
	var rows []machineRow
	err := d.inSnapshot(ctx, "list callers of a machine", func(tx *gorm.DB) error {
		return tx.Table("machine_scopes AS s").
			Select("m.id, m.name, m.default_ttl, m.default_format, m.public_jwk, m.created_at, m.updated_at").
			Joins("JOIN machines AS m ON m.id = s.from_id AND m.deleted_at IS NULL").
			Where("s.to_id = ?", string(id)).Order("m.name, m.id").Limit(max(limit, 0)).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	out := make([]m2m.Machine, len(rows))
	for i, r := range rows {
		out[i] = r.machine()
	}
	return out, nil
}
