package dashboard

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/sheet"
)

// auditCSV sends all of what was filtered for, slice by slice. What is recorded meanwhile is not in it.
func (d *dashboard) auditCSV(x *exchange) error {
	q, _ := auditQuery(x)
	q.Limit = auditASlice
	w := sheet.New(x.file("audit-" + d.Now().UTC().Format(time.DateOnly) + ".csv"))
	w.Row("id", "at", "actor", "actor_machine_id", "address", "session", "trace_id", "action", "target", "details")
	for {
		entries, err := d.auditSlice(x.came.Context(), q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			details, err := json.Marshal(e.Details)
			if err != nil {
				return err
			}
			w.Row(strconv.FormatInt(e.ID, 10), e.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(e.Actor.Kind), string(e.Actor.Machine), e.Actor.Address,
				e.Actor.Session, e.Actor.TraceID, e.Action, e.Target, string(details))
		}
		if err := w.Flush(); err != nil || len(entries) < q.Limit {
			return err
		}
		q.Before = entries[len(entries)-1].ID
	}
}

// auditSlice reads entries as a page does, within the time of a page.
func (d *dashboard) auditSlice(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return d.Audit.AuditEntries(ctx, q)
}
