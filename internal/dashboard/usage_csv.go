package dashboard

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/sheet"
	"github.com/dualmint/dualmint/internal/usage"
)

// usageCSV sends a report with the names of its machines. The names are as they are now.
func (d *dashboard) usageCSV(x *exchange) error {
	q, err := usage.ParseQuery(x.query("start"), x.query("end"), x.query("interval"), x.query("group_by"))
	if err != nil {
		return errAddress
	}
	report, err := d.Reports.Report(x.ctx(), m2m.Caller{Instance: true}, q)
	if err != nil {
		return err
	}
	ids := make([]m2m.MachineID, 0, 2*len(report.Lines))
	for _, l := range report.Lines {
		ids = append(ids, l.Machine, l.Receiver)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id m2m.MachineID) bool { return id == "" })
	ends, err := d.Graph.Ends(x.ctx(), ids)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := report.WriteNamedCSV(&out, func(id m2m.MachineID) string { return ends[id].Name }); err != nil {
		return err
	}
	x.download("usage-"+q.Start.Format("2006-01-02")+"-"+string(q.Interval)+".csv", out.Bytes())
	return nil
}

// download sends a table as a file.
func (x *exchange) download(name string, table []byte) {
	x.c.Writer.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	x.send(http.StatusOK, sheet.ContentType, table)
}
