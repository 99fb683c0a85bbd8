package httpapi

import (
	"math"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
)

// auditList is one page of the record, newest first. Next is the "before" of the page that follows, or null on the last one.
type auditList struct {
	Object string       `json:"object"`
	Data   []auditEntry `json:"data"`
	Next   *int64       `json:"next"`
}

type auditEntry struct {
	Object    string            `json:"object"`
	ID        int64             `json:"id"`
	CreatedAt int64             `json:"created_at"`
	Actor     auditActor        `json:"actor"`
	Action    string            `json:"action"`
	Target    string            `json:"target"`
	Details   map[string]string `json:"details"`
}

type auditActor struct {
	Kind      m2m.ActorKind `json:"kind"`
	MachineID *string       `json:"machine_id"`
	Address   *string       `json:"address"`
	TraceID   *string       `json:"trace_id"`
}

func (a *api) audit(x *exchange, _ m2m.Actor) error {
	p, err := x.params()
	if err != nil {
		return err
	}
	limit := int(p.integer("limit", 50, 1, 500))
	q := audit.Query{
		Before: p.integer("before", 0, 1, math.MaxInt64),
		Action: p.text("action"),
		Target: p.text("target"),
		Limit:  limit + 1, // one more tells whether there is a next page
	}
	if err := p.err(); err != nil {
		return err
	}
	entries, err := a.Audit.AuditEntries(x.ctx(), q)
	if err != nil {
		return err
	}
	out := auditList{Object: "audit_log", Data: make([]auditEntry, 0, len(entries))}
	if len(entries) > limit {
		entries = entries[:limit]
		out.Next = &entries[limit-1].ID
	}
	for _, e := range entries {
		out.Data = append(out.Data, auditAnswer(e))
	}
	return x.ok(out)
}

func auditAnswer(e audit.Entry) auditEntry {
	details := e.Details
	if details == nil {
		details = map[string]string{}
	}
	return auditEntry{
		Object: "audit_entry", ID: e.ID, CreatedAt: millis(e.At), Action: e.Action, Target: e.Target, Details: details,
		Actor: auditActor{
			Kind:      e.Actor.Kind,
			MachineID: orNull(string(e.Actor.Machine)),
			Address:   orNull(e.Actor.Address),
			TraceID:   orNull(e.Actor.TraceID),
		},
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
