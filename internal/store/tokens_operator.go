package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// livingSQL finds ids of living tokens of one machine, no more than so many of each sort: of those without an end and of those whose end
// is ahead, each by one range of the index tokens_living. Whatever is dead is not read.
const livingSQL = `
SELECT id FROM (SELECT id FROM tokens WHERE machine_id = ? AND revoked_at IS NULL AND expires_at IS NULL LIMIT ?) endless
UNION ALL
SELECT id FROM (SELECT id FROM tokens WHERE machine_id = ? AND revoked_at IS NULL AND expires_at > ? LIMIT ?) mortal`

// countedSQL are as many rows as livingSQL finds, for counting: the index alone holds all that is asked.
const countedSQL = `
SELECT 1 FROM (SELECT 1 FROM tokens WHERE machine_id = ? AND revoked_at IS NULL AND expires_at IS NULL LIMIT ?) endless
UNION ALL
SELECT 1 FROM (SELECT 1 FROM tokens WHERE machine_id = ? AND revoked_at IS NULL AND expires_at > ? LIMIT ?) mortal`

// deadKeysSQL tells whether any token that has not expired is signed with a compromised key: a probe of tokens_by_signer for each such key.
const deadKeysSQL = `
SELECT count(*) FROM signing_keys k WHERE k.state = 'compromised' AND EXISTS (
    SELECT 1 FROM tokens t WHERE t.key_id = k.kid AND t.format = 'jwt' AND t.revoked_at IS NULL AND t.expires_at > ?)`

// notDeadSQL are the ids among livingSQL's that no compromised key signed. It reads the rows of the tokens, which the index alone does not
// need, so it is asked only in the hours in which there are such tokens.
const notDeadSQL = `
SELECT l.id FROM (` + livingSQL + `) l JOIN tokens t ON t.id = l.id
WHERE t.key_id IS NULL OR NOT EXISTS (SELECT 1 FROM signing_keys k WHERE k.kid = t.key_id AND k.state = 'compromised')`

// LivingTokens satisfies tokens.Desk.
func (d *DB) LivingTokens(ctx context.Context, ids []m2m.MachineID, most int) (map[m2m.MachineID]int, error) {
	out := make(map[m2m.MachineID]int, len(ids))
	err := d.inSnapshot(ctx, "count living tokens", func(tx *gorm.DB) error {
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		var deadKeys int64
		if err := tx.Raw(deadKeysSQL, now).Find(&deadKeys).Error; err != nil {
			return err
		}
		find := countedSQL
		if deadKeys > 0 {
			find = notDeadSQL
		}
		for _, id := range texts(ids) {
			var n int64
			if err := tx.Raw("SELECT count(*) FROM ("+find+") living", id, most, id, now, most).Find(&n).Error; err != nil {
				return err
			}
			if n > 0 {
				out[m2m.MachineID(id)] = min(int(n), most)
			}
		}
		return nil
	})
	return out, err
}

// RevokeMany satisfies tokens.Desk. A token that another transaction revokes at the same time keeps what that one wrote (R18).
func (d *DB) RevokeMany(ctx context.Context, by m2m.Actor, machine m2m.MachineID, reason *string, most int) (revoked int64, err error) {
	if reason != nil && !isText(*reason) {
		return 0, &m2m.FieldError{Field: "revocation_reason", Reason: m2m.WrongFormat, Message: "must be text without NUL"}
	}
	err = d.inTx(ctx, "revoke tokens of a machine", func(tx *gorm.DB) error {
		if err := lockLiving(tx, machine); err != nil {
			return err
		}
		now, err := d.clock(tx)
		if err != nil {
			return err
		}
		var ids []string
		id := string(machine)
		if err := tx.Raw(livingSQL, id, most, id, now, most).Find(&ids).Error; err != nil {
			return err
		}
		ids = ids[:min(len(ids), most)]
		if len(ids) == 0 {
			return nil
		}
		done := tx.Table("tokens").Where("id IN ? AND revoked_at IS NULL", ids).Updates(map[string]any{
			"revoked_at": now, "revocation_reason": reason, "updated_at": now, "reuse_key": nil, "sealed": nil, "key_version": nil,
		})
		if done.Error != nil {
			return done.Error
		}
		revoked = done.RowsAffected
		details := map[string]string{"tokens": strconv.FormatInt(revoked, 10)}
		if reason != nil {
			details["revocation_reason"] = *reason
		}
		return d.writeAudit(tx, by, "token.revoke_all", id, details)
	})
	return revoked, err
}

// RecordTokenBy satisfies tokens.Desk. The audit entry is written by a statement that travels with the token and finds it written.
func (d *DB) RecordTokenBy(ctx context.Context, by m2m.Actor, n tokens.NewRecord) error {
	if err := recordable(&n); err != nil {
		return err
	}
	details, err := json.Marshal(map[string]string{"machine_id": string(n.Grant.Machine), "token_format": string(n.Format)})
	if err != nil {
		return fmt.Errorf("encode audit details: %w", err)
	}
	id := string(n.Grant.ID)
	query := auditTokenSQLiteSQL
	if d.postgres() {
		query = auditTokenPostgresSQL
	}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestRecord)
	defer cancel()
	out, err := d.record(recording, "record a token", []tokens.NewRecord{n}, want{}, &rider{query, []any{
		string(by.Kind), nullStorable(string(by.Machine)), storable(by.Address), storable(by.TraceID), nullStorable(by.Session), id, string(details),
	}})
	if err != nil {
		return err
	}
	return out[0].err()
}

// The audit entry of a token that the operator had made, where this transaction has written the token: one that was there before is not
// the operator's.
const (
	auditTokenPostgresSQL = `
INSERT INTO audit (at, actor_kind, actor_machine, address, trace_id, session, action, target, details)
SELECT ` + postgresNow + `, $1::text, $2::text, $3::text, $4::text, $5::text, 'token.create', id, $7::text FROM tokens
WHERE id = $6::text AND xmin = pg_current_xact_id()::xid`
	auditTokenSQLiteSQL = `
INSERT INTO audit (at, actor_kind, actor_machine, address, trace_id, session, action, target, details)
SELECT ` + sqliteNow + `, ?1, ?2, ?3, ?4, ?5, 'token.create', id, ?7 FROM tokens WHERE id = ?6`
)
