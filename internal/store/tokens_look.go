package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// TokenPage satisfies tokens.Desk. The index tokens_by_machine has the tokens of a machine in this order, and the page begins at its place in
// it: nothing before it is read, and nothing is counted.
func (d *DB) TokenPage(ctx context.Context, q tokens.PageQuery) (tokens.Page, error) {
	var page tokens.Page
	err := d.inSnapshot(ctx, "list tokens", func(tx *gorm.DB) error {
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		if _, err := detail(tx, q.Machine); err != nil {
			return err
		}
		find := tx.Table("tokens t").Select(tokenColumns).Where("t.machine_id = ?", string(q.Machine))
		if q.From != "" {
			find = find.Where(tokenBehind(q.Back), storable(string(q.From)))
		}
		var rows []tokenRow
		limit := max(q.Limit, 0)
		if err := find.Order(tokenOrder(q.Back)).Limit(limit + 1).Find(&rows).Error; err != nil {
			return err
		}
		more := len(rows) > limit
		rows = rows[:min(len(rows), limit)]
		page.Previous, page.Next = q.From != "", more
		if q.Back {
			slices.Reverse(rows)
			page.Previous, page.Next = more, q.From != ""
		}
		page.Tokens = make([]m2m.Record, len(rows))
		for i := range rows {
			if page.Tokens[i], err = rows[i].record(now); err != nil {
				return err
			}
		}
		page.Compromised, err = compromised(tx, signersOf(page.Tokens))
		return err
	})
	if err != nil {
		return tokens.Page{}, err
	}
	return page, nil
}

// signersOf gives the keys that signed these tokens, each once.
func signersOf(list []m2m.Record) []string {
	var kids []string
	for _, r := range list {
		if r.KeyID != "" && !slices.Contains(kids, string(r.KeyID)) {
			kids = append(kids, string(r.KeyID))
		}
	}
	return kids
}

// compromised tells which of these keys are. The primary key finds them.
func compromised(tx *gorm.DB, kids []string) (out []m2m.KeyID, err error) {
	if len(kids) == 0 {
		return nil, nil
	}
	err = tx.Table("signing_keys").Where("kid IN ? AND state = 'compromised'", kids).Pluck("kid", &out).Error
	return out, err
}

func tokenOrder(ascending bool) string {
	if ascending {
		return "t.created_at ASC, t.id ASC"
	}
	return "t.created_at DESC, t.id DESC"
}

// tokenBehind is the condition that a token stands behind another in that order.
func tokenBehind(ascending bool) string {
	if ascending {
		return "(t.created_at, t.id) > (SELECT f.created_at, f.id FROM tokens f WHERE f.id = ?)"
	}
	return "(t.created_at, t.id) < (SELECT f.created_at, f.id FROM tokens f WHERE f.id = ?)"
}

// sightRow is what decides about a token beside its own row.
type sightRow struct {
	Name      string
	DeletedAt *int64
	State     *string // of its key
	Now       *string // the ids that its machine may call at this moment, joined by spaces
}

// Together these read that by primary keys: the middle one is written in the database's own way of joining texts.
const (
	sightSQL     = `SELECT m.name, m.deleted_at, k.state, `
	sightFromSQL = ` AS now
FROM tokens t JOIN machines m ON m.id = t.machine_id LEFT JOIN signing_keys k ON k.kid = t.key_id WHERE t.id = ?`
	scopesNowPostgresSQL = `(SELECT string_agg(s.to_id, ' ' ORDER BY s.position) FROM machine_scopes s
    JOIN machines r ON r.id = s.to_id AND r.deleted_at IS NULL WHERE s.from_id = t.machine_id)`
	scopesNowSQLiteSQL = `(SELECT group_concat(s.to_id, ' ' ORDER BY s.position) FROM machine_scopes s
    JOIN machines r ON r.id = s.to_id AND r.deleted_at IS NULL WHERE s.from_id = t.machine_id)`
)

// Token satisfies tokens.Desk.
func (d *DB) Token(ctx context.Context, id m2m.TokenID) (tokens.Sight, error) {
	var out tokens.Sight
	scopesNow := scopesNowSQLiteSQL
	if d.postgres() {
		scopesNow = scopesNowPostgresSQL
	}
	err := d.inSnapshot(ctx, "look at a token", func(tx *gorm.DB) error {
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		var rows []tokenRow
		if err := tx.Table("tokens t").Select(tokenColumns).Where("t.id = ?", storable(string(id))).Find(&rows).Error; err != nil {
			return err
		}
		var beside []sightRow
		if err := tx.Raw(sightSQL+scopesNow+sightFromSQL, storable(string(id))).Find(&beside).Error; err != nil {
			return err
		}
		if len(rows) == 0 || len(beside) == 0 {
			return m2m.ErrNotFound
		}
		if out.Record, err = rows[0].record(now); err != nil {
			return err
		}
		b := beside[0]
		out.MachineName, out.MachineLives = b.Name, b.DeletedAt == nil
		out.KeyCompromised = b.State != nil && *b.State == "compromised"
		out.ScopesNow = m2m.Scopes{}
		if b.Now != nil {
			var ok bool
			if out.ScopesNow, ok = m2m.ParseScopes(*b.Now); !ok {
				return errUnreadable
			}
		}
		return nil
	})
	if err != nil {
		return tokens.Sight{}, err
	}
	return out, nil
}
