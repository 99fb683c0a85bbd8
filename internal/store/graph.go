package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// scopeEdgesSQL reads scopes in the order of the index machines_by_name, and only as many as it gives.
const scopeEdgesSQL = `
SELECT f.id AS from_id, f.name AS from_name, t.id AS to_id, t.name AS to_name
FROM machines f CROSS JOIN machine_scopes s JOIN machines t ON t.id = s.to_id AND t.deleted_at IS NULL
WHERE s.from_id = f.id AND f.deleted_at IS NULL
ORDER BY f.name, f.id, s.position LIMIT ?`

// ScopeEdges satisfies machines.GraphStore.
func (d *DB) ScopeEdges(ctx context.Context, limit int) (machines.Edges, error) {
	var rows []struct{ FromID, FromName, ToID, ToName string }
	limit = max(limit, 0)
	err := d.inSnapshot(ctx, "look at the scope graph", func(tx *gorm.DB) error {
		return tx.Raw(scopeEdgesSQL, limit+1).Find(&rows).Error
	})
	if err != nil {
		return machines.Edges{}, err
	}
	out := machines.Edges{More: len(rows) > limit, Edges: make([]machines.Edge, min(len(rows), limit))}
	for i := range out.Edges {
		r := rows[i]
		out.Edges[i] = machines.Edge{
			From: machines.End{ID: m2m.MachineID(r.FromID), Name: r.FromName}, To: machines.End{ID: m2m.MachineID(r.ToID), Name: r.ToName}, Scope: true,
		}
	}
	return out, nil
}

// EdgesOf satisfies machines.GraphStore, by primary keys.
func (d *DB) EdgesOf(ctx context.Context, pairs []machines.Pair) ([]machines.Edge, error) {
	var out []machines.Edge
	err := d.inSnapshot(ctx, "look at the scope graph", func(tx *gorm.DB) error {
		out = nil
		ids := make([]m2m.MachineID, 0, 2*len(pairs))
		for _, p := range pairs {
			ids = append(ids, p.From, p.To)
		}
		ends, err := endsOf(tx, ids)
		if err != nil {
			return err
		}
		scopes, err := scopesAmong(tx, pairs)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			from, to := orUnknown(ends, p.From), orUnknown(ends, p.To)
			out = append(out, machines.Edge{From: from, To: to, Scope: scopes[p] && !from.Deleted && !to.Deleted})
		}
		return nil
	})
	return out, err
}

// orUnknown gives the name of a machine, or its id if it never was one.
func orUnknown(ends map[m2m.MachineID]machines.End, id m2m.MachineID) machines.End {
	if end, ok := ends[id]; ok {
		return end
	}
	return machines.End{ID: id, Name: string(id), Deleted: true}
}

// scopesAmong tells which pairs are scopes, as rows are written: of deleted machines too.
func scopesAmong(tx *gorm.DB, pairs []machines.Pair) (map[machines.Pair]bool, error) {
	out := map[machines.Pair]bool{}
	for some := range slices.Chunk(pairs, endsAtOnce) {
		where := make([][]any, len(some))
		for i, p := range some {
			where[i] = []any{storable(string(p.From)), storable(string(p.To))}
		}
		var rows []struct{ FromID, ToID string }
		if err := tx.Table("machine_scopes").Select("from_id, to_id").Where("(from_id, to_id) IN ?", where).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[machines.Pair{From: m2m.MachineID(r.FromID), To: m2m.MachineID(r.ToID)}] = true
		}
	}
	return out, nil
}

// endsAtOnce is how many names are asked for in one statement: databases bound how many parameters one may have.
const endsAtOnce = 1000

// Ends satisfies machines.GraphStore, by primary key.
func (d *DB) Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]machines.End, error) {
	var out map[m2m.MachineID]machines.End
	err := d.inSnapshot(ctx, "find names of machines", func(tx *gorm.DB) (err error) {
		out, err = endsOf(tx, ids)
		return err
	})
	return out, err
}

func endsOf(tx *gorm.DB, ids []m2m.MachineID) (map[m2m.MachineID]machines.End, error) {
	out := make(map[m2m.MachineID]machines.End, len(ids))
	for some := range slices.Chunk(ids, endsAtOnce) {
		texts := make([]string, len(some))
		for i, id := range some {
			texts[i] = storable(string(id))
		}
		var rows []struct {
			ID, Name string
			Deleted  bool
		}
		if err := tx.Table("machines").Select("id, name, deleted_at IS NOT NULL AS deleted").Where("id IN ?", texts).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[m2m.MachineID(r.ID)] = machines.End{ID: m2m.MachineID(r.ID), Name: r.Name, Deleted: r.Deleted}
		}
	}
	return out, nil
}
