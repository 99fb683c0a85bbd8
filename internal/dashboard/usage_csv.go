package dashboard

import (
	"errors"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/usage"
)

// usageCSV sends a report of any size with the names of its machines. The names are as they are now.
func (d *dashboard) usageCSV(x *exchange) error {
	q, err := usage.ParseQuery(x.query("start"), x.query("end"), x.query("interval"), x.query("group_by"))
	if err != nil {
		return errAddress
	}
	table := usage.NewNamedCSV(x.file("usage-" + q.Start.Format("2006-01-02") + "-" + string(q.Interval) + ".csv"))
	ctx := x.came.Context()
	err = d.Reports.Lines(ctx, m2m.Caller{Instance: true}, q, func(lines []usage.Line) error {
		ids := make([]m2m.MachineID, 0, 2*len(lines))
		for _, l := range lines {
			ids = append(ids, l.Machine, l.Receiver)
		}
		slices.Sort(ids)
		ids = slices.DeleteFunc(slices.Compact(ids), func(id m2m.MachineID) bool { return id == "" })
		ends, err := d.Graph.Ends(ctx, ids)
		if err != nil {
			return err
		}
		return table.Lines(lines, func(id m2m.MachineID) string { return ends[id].Name })
	})
	if _, tooMuch := errors.AsType[*m2m.FieldError](err); tooMuch {
		return errSums
	}
	if err != nil {
		return err
	}
	return table.Flush()
}
