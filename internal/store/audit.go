package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
)

type auditRow struct {
	ID           int64 `gorm:"primaryKey"`
	At           int64
	ActorKind    string
	ActorMachine *string
	Address      string
	TraceID      string
	Session      *string
	Action       string
	Target       string
	Details      string
}

// TableName is for gorm.
func (auditRow) TableName() string { return "audit" }

// lastBeforeSQL is a number above which nothing is of before a time, by one probe of audit_by_time: entries are numbered as they were made,
// but for those of the same moment.
const lastBeforeSQL = `coalesce((SELECT b.id FROM audit b WHERE b.at < ? ORDER BY b.at DESC, b.id DESC LIMIT 1), 0) + 1000`

// AuditEntries gives at most q.Limit entries, newest first.
func (d *DB) AuditEntries(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	find := d.gorm.WithContext(ctx).Order("id DESC").Limit(max(q.Limit, 0))
	if q.Before > 0 {
		find = find.Where("id < ?", q.Before)
	}
	if q.Action != "" {
		find = find.Where("action = ?", storable(q.Action))
	}
	if q.Target != "" {
		find = find.Where("target = ?", storable(q.Target))
	}
	if q.Kind != "" {
		find = find.Where("actor_kind = ?", storable(string(q.Kind)))
	}
	if q.Address != "" {
		find = find.Where("address = ?", storable(q.Address))
	}
	if !q.Until.IsZero() {
		find = find.Where("id <= ("+lastBeforeSQL+") AND at < ?", millis(q.Until), millis(q.Until))
	}
	var rows []auditRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, outward("read the audit log", err)
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		entry, err := r.entry()
		if err != nil {
			return nil, err
		}
		entries[i] = entry
	}
	return entries, nil
}

func (r auditRow) entry() (audit.Entry, error) {
	e := audit.Entry{
		ID: r.ID, At: fromMillis(r.At), Action: r.Action, Target: r.Target,
		Actor: m2m.Actor{Kind: m2m.ActorKind(r.ActorKind), Address: r.Address, TraceID: r.TraceID},
	}
	if r.ActorMachine != nil {
		e.Actor.Machine = m2m.MachineID(*r.ActorMachine)
	}
	if r.Session != nil {
		e.Actor.Session = *r.Session
	}
	if err := json.Unmarshal([]byte(r.Details), &e.Details); err != nil {
		return audit.Entry{}, fmt.Errorf("read audit entry %d: %w", r.ID, err)
	}
	return e, nil
}

// writeAudit records a change in the transaction that makes it (R63), at the database's time. details may be nil and never hold a
// credential. A zero actor is refused by the schema, and the change with it.
func (d *DB) writeAudit(tx *gorm.DB, by m2m.Actor, action, target string, details map[string]string) error {
	if details == nil {
		details = map[string]string{}
	}
	text, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("encode audit details: %w", err)
	}
	insert := "INSERT INTO audit (at, actor_kind, actor_machine, address, trace_id, session, action, target, details) VALUES (" +
		d.dialect.now + ", ?, ?, ?, ?, ?, ?, ?, ?)"
	return tx.Exec(insert, string(by.Kind), nullStorable(string(by.Machine)), storable(by.Address), storable(by.TraceID), nullStorable(by.Session),
		action, storable(target), string(text)).Error
}

// nullStorable is storable, and nil for the empty text.
func nullStorable(s string) *string {
	if s == "" {
		return nil
	}
	s = storable(s)
	return &s
}

// storable makes a text that both databases take: PostgreSQL refuses NUL and what is not UTF-8.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
