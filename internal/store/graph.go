package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// edgeColumns are what edgeRow reads of an edge e (from_id, to_id, scope, verified) between the machines f and t.
const edgeColumns = `e.from_id, f.name AS from_name, f.deleted_at IS NOT NULL AS from_deleted,
    e.to_id, t.name AS to_name, t.deleted_at IS NOT NULL AS to_deleted, e.scope, CAST(e.verified AS BIGINT) AS verified`

// isScopeSQL tells whether e is a scope of this moment, by primary key.
const isScopeSQL = `EXISTS (SELECT 1 FROM machine_scopes s WHERE s.from_id = e.from_id AND s.to_id = e.to_id)
    AND f.deleted_at IS NULL AND t.deleted_at IS NULL`

const (
	// scopeEdgesSQL reads scopes in the order of the index machines_by_name, and only as many as it gives.
	scopeEdgesSQL = `
SELECT f.id AS from_id, f.name AS from_name, t.id AS to_id, t.name AS to_name
FROM machines f CROSS JOIN machine_scopes s JOIN machines t ON t.id = s.to_id AND t.deleted_at IS NULL
WHERE s.from_id = f.id AND f.deleted_at IS NULL
ORDER BY f.name, f.id, s.position LIMIT ?`

	// busyEdgesSQL adds up the hours of the span, which the primary key of usage has together, and finds names and scopes for the few
	// pairs that are left.
	busyEdgesSQL = `
WITH e AS MATERIALIZED (
    SELECT machine_id AS from_id, receiver_id AS to_id, sum(count) AS verified FROM usage
    WHERE hour >= ? AND hour < ? AND operation = 'verify' AND receiver_id <> ''
    GROUP BY machine_id, receiver_id ORDER BY sum(count) DESC, machine_id, receiver_id LIMIT ?
)
SELECT e.from_id, f.name AS from_name, f.deleted_at IS NOT NULL AS from_deleted,
    e.to_id, t.name AS to_name, t.deleted_at IS NOT NULL AS to_deleted, ` + isScopeSQL + ` AS scope, CAST(e.verified AS BIGINT) AS verified
FROM e JOIN machines f ON f.id = e.from_id JOIN machines t ON t.id = e.to_id
ORDER BY e.verified DESC, e.from_id, e.to_id`

	// edgesFromSQL joins the scopes of a machine, at most 150 and by primary key, with what was verified of its tokens.
	edgesFromSQL = `
WITH e AS MATERIALIZED (
    SELECT from_id, to_id, max(scope) = 1 AS scope, sum(verified) AS verified FROM (
        SELECT s.from_id, s.to_id, 1 AS scope, 0 AS verified FROM machine_scopes s
        JOIN machines r ON r.id = s.to_id AND r.deleted_at IS NULL WHERE s.from_id = ?
        UNION ALL
        SELECT machine_id, receiver_id, 0, sum(count) FROM usage
        WHERE machine_id = ? AND hour >= ? AND hour < ? AND operation = 'verify' AND receiver_id <> '' GROUP BY machine_id, receiver_id
    ) x GROUP BY from_id, to_id
)
SELECT ` + edgeColumns + `
FROM e JOIN machines f ON f.id = e.from_id JOIN machines t ON t.id = e.to_id
ORDER BY e.verified DESC, t.name, t.id LIMIT ?`

	// edgesToSQL is the same from the other side, by the index machine_scopes_by_receiver.
	edgesToSQL = `
WITH e AS MATERIALIZED (
    SELECT from_id, to_id, max(scope) = 1 AS scope, sum(verified) AS verified FROM (
        SELECT s.from_id, s.to_id, 1 AS scope, 0 AS verified FROM machine_scopes s
        JOIN machines c ON c.id = s.from_id AND c.deleted_at IS NULL WHERE s.to_id = ?
        UNION ALL
        SELECT machine_id, receiver_id, 0, sum(count) FROM usage
        WHERE receiver_id = ? AND hour >= ? AND hour < ? AND operation = 'verify' GROUP BY machine_id, receiver_id
    ) x GROUP BY from_id, to_id
)
SELECT ` + edgeColumns + `
FROM e JOIN machines f ON f.id = e.from_id JOIN machines t ON t.id = e.to_id
ORDER BY e.verified DESC, f.name, f.id LIMIT ?`
)

type edgeRow struct {
	FromID, FromName string
	FromDeleted      bool
	ToID, ToName     string
	ToDeleted        bool
	Scope            bool
	Verified         int64
}

func (d *DB) edges(ctx context.Context, limit int, query string, args ...any) (machines.Edges, error) {
	var rows []edgeRow
	limit = max(limit, 0)
	err := d.inSnapshot(ctx, "look at the scope graph", func(tx *gorm.DB) error {
		return tx.Raw(query, append(args, limit+1)...).Find(&rows).Error
	})
	if err != nil {
		return machines.Edges{}, err
	}
	out := machines.Edges{More: len(rows) > limit, Edges: make([]machines.Edge, min(len(rows), limit))}
	for i := range out.Edges {
		r := rows[i]
		out.Edges[i] = machines.Edge{
			From: machines.End{ID: m2m.MachineID(r.FromID), Name: r.FromName, Deleted: r.FromDeleted},
			To:   machines.End{ID: m2m.MachineID(r.ToID), Name: r.ToName, Deleted: r.ToDeleted}, Scope: r.Scope, Verified: r.Verified,
		}
	}
	return out, nil
}

// ScopeEdges satisfies machines.GraphStore.
func (d *DB) ScopeEdges(ctx context.Context, limit int) (machines.Edges, error) {
	out, err := d.edges(ctx, limit, scopeEdgesSQL)
	for i := range out.Edges {
		out.Edges[i].Scope = true
	}
	return out, err
}

// BusyEdges satisfies machines.GraphStore.
func (d *DB) BusyEdges(ctx context.Context, from, until time.Time, limit int) (machines.Edges, error) {
	return d.edges(ctx, limit, busyEdgesSQL, millis(from), millis(until))
}

// EdgesFrom satisfies machines.GraphStore.
func (d *DB) EdgesFrom(ctx context.Context, id m2m.MachineID, from, until time.Time, limit int) (machines.Edges, error) {
	return d.edges(ctx, limit, edgesFromSQL, storable(string(id)), storable(string(id)), millis(from), millis(until))
}

// EdgesTo satisfies machines.GraphStore.
func (d *DB) EdgesTo(ctx context.Context, id m2m.MachineID, from, until time.Time, limit int) (machines.Edges, error) {
	return d.edges(ctx, limit, edgesToSQL, storable(string(id)), storable(string(id)), millis(from), millis(until))
}

// endsAtOnce is how many names are asked for in one statement: databases bound how many parameters one may have.
const endsAtOnce = 1000

// Ends satisfies machines.GraphStore, by primary key.
func (d *DB) Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]machines.End, error) {
	out := make(map[m2m.MachineID]machines.End, len(ids))
	err := d.inSnapshot(ctx, "find names of machines", func(tx *gorm.DB) error {
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
				return err
			}
			for _, r := range rows {
				out[m2m.MachineID(r.ID)] = machines.End{ID: m2m.MachineID(r.ID), Name: r.Name, Deleted: r.Deleted}
			}
		}
		return nil
	})
	return out, err
}
