package store

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// ListTokens satisfies tokens.Store. The index tokens_by_machine has the tokens of a machine in this order.
func (d *DB) ListTokens(ctx context.Context, q tokens.ListQuery) ([]m2m.Record, int64, error) {
	if _, ok := m2m.ParseMachineID(string(q.Machine)); !ok {
		return nil, 0, m2m.ErrMachineNotFound
	}
	var out []m2m.Record
	var total int64
	err := d.inSnapshot(ctx, "list tokens", func(tx *gorm.DB) error {
		var living int64
		if err := tx.Table("machines").Where("id = ? AND deleted_at IS NULL", string(q.Machine)).Count(&living).Error; err != nil {
			return err
		}
		if living == 0 {
			return m2m.ErrMachineNotFound
		}
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		chosen := tx.Table("tokens t").Where("t.machine_id = ?", string(q.Machine))
		if !q.IncludeRevoked {
			chosen = chosen.Where("t.revoked_at IS NULL")
		}
		if !q.IncludeExpired {
			chosen = chosen.Where("(t.expires_at IS NULL OR t.expires_at > ?)", now)
		}
		chosen = chosen.Session(&gorm.Session{}) // from here on two queries share the conditions
		if err := chosen.Count(&total).Error; err != nil {
			return err
		}
		var rows []tokenRow
		page := chosen.Select(tokenColumns).Order("t.created_at DESC, t.id DESC").Limit(q.Limit).Offset(q.Offset)
		if err := page.Find(&rows).Error; err != nil {
			return err
		}
		out = make([]m2m.Record, len(rows))
		for i := range rows {
			if out[i], err = rows[i].record(now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return out, total, nil
}

// RevokeToken satisfies tokens.Store. A statement of CheckTokens that begins after this commit reads a snapshot taken after it.
func (d *DB) RevokeToken(ctx context.Context, by m2m.Actor, id m2m.TokenID, holder m2m.MachineID, reason *string) (m2m.Record, error) {
	if _, ok := m2m.ParseTokenID(string(id)); !ok {
		return m2m.Record{}, m2m.ErrNotFound
	}
	if reason != nil && !isText(*reason) {
		return m2m.Record{}, &m2m.FieldError{
			Field: "revocation_reason", Reason: m2m.WrongFormat, Message: "revocation_reason must be text without NUL.",
		}
	}
	var out m2m.Record
	err := d.inTx(ctx, "revoke token", func(tx *gorm.DB) error {
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		var rows []tokenRow
		err = tx.Table("tokens t").Select(tokenColumns).Where("t.id = ?", string(id)).Clauses(forChange).Find(&rows).Error
		if err != nil {
			return err
		}
		if len(rows) == 0 || holder != "" && rows[0].MachineID != string(holder) {
			return m2m.ErrNotFound
		}
		if !rows[0].RevokedAt.Valid {
			rows[0].RevokedAt, rows[0].RevocationReason, rows[0].UpdatedAt = sql.NullInt64{Int64: now, Valid: true}, reason, now
			if err := d.revoke(tx, by, &rows[0]); err != nil {
				return err
			}
		}
		out, err = rows[0].record(now)
		return err
	})
	if err != nil {
		return m2m.Record{}, err
	}
	return out, nil
}

// revoke writes the revocation. Of a token kept for reuse the sealed form goes too: it will never be handed out again.
func (d *DB) revoke(tx *gorm.DB, by m2m.Actor, r *tokenRow) error {
	err := tx.Table("tokens").Where("id = ?", r.ID).Updates(map[string]any{
		"revoked_at": r.RevokedAt.Int64, "revocation_reason": r.RevocationReason, "updated_at": r.UpdatedAt,
		"reuse_key": nil, "sealed": nil, "key_version": nil,
	}).Error
	if err != nil {
		return err
	}
	details := map[string]string{"machine_id": r.MachineID}
	return d.writeAudit(tx, by, "token.revoke", r.ID, details)
}
