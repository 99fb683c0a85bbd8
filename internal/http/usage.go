package httpapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/usage"
)

// usageObject is a report on the wire. Amounts are exact integers.
type usageObject struct {
	Object   string         `json:"object"`
	Start    string         `json:"start"`
	End      string         `json:"end"`
	Interval usage.Interval `json:"interval"`
	Data     []usageLine    `json:"data"`
	usageAmounts
}

// usageLine has the groups that were asked for; one that does not apply, such as the receiver of a creation, is null.
type usageLine struct {
	Start       string `json:"start"`
	MachineID   group  `json:"machine_id,omitzero"`
	ReceiverID  group  `json:"receiver_id,omitzero"`
	TokenFormat group  `json:"token_format,omitzero"`
	Operation   group  `json:"operation,omitzero"`
	usageAmounts
}

type usageAmounts struct {
	TotalUsage         int64 `json:"total_usage"`
	TotalBillableUsage int64 `json:"total_billable_usage"`
	AmountNanodollars  int64 `json:"amount_nanodollars"`
}

// group is a value that is left out unless it was asked for, and then null when it is empty.
type group struct {
	asked bool
	value string
}

// IsZero leaves the group out.
func (g group) IsZero() bool { return !g.asked }

// MarshalJSON writes a string or null.
func (g group) MarshalJSON() ([]byte, error) {
	if g.value == "" {
		return []byte("null"), nil
	}
	return json.Marshal(g.value)
}

func (a *api) usage(x *exchange) error {
	caller, err := a.caller(x)
	if err != nil {
		return err
	}
	p, err := x.params()
	if err != nil {
		return err
	}
	start, end, interval, groupBy := p.text("start"), p.text("end"), p.text("interval"), p.text("group_by")
	if err := p.err(); err != nil {
		return err
	}
	q, err := usage.ParseQuery(start, end, interval, groupBy)
	if err != nil {
		return err
	}
	report, err := a.Usage.Report(x.ctx(), caller, q)
	if err != nil {
		return err
	}
	x.c.Writer.Header().Set("Vary", "Accept")
	if !prefers(x.c.Request.Header.Values("Accept"), "text/csv") {
		return x.ok(usageAnswer(report))
	}
	var out bytes.Buffer
	if err := report.WriteCSV(&out); err != nil {
		return err
	}
	x.sendAs(http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
	return nil
}

func usageAnswer(r usage.Report) usageObject {
	out := usageObject{
		Object: "usage", Start: instant(r.Start), End: instant(r.End), Interval: r.Interval,
		Data: make([]usageLine, len(r.Lines)), usageAmounts: amounts(r.Total),
	}
	for i, l := range r.Lines {
		out.Data[i] = usageLine{
			Start:        instant(l.Start),
			MachineID:    group{r.GroupBy.Machine, string(l.Machine)},
			ReceiverID:   group{r.GroupBy.Receiver, string(l.Receiver)},
			TokenFormat:  group{r.GroupBy.Format, string(l.Format)},
			Operation:    group{r.GroupBy.Operation, string(l.Operation)},
			usageAmounts: amounts(l.Amounts),
		}
	}
	return out
}

func amounts(a usage.Amounts) usageAmounts {
	return usageAmounts{TotalUsage: a.Usage, TotalBillableUsage: a.Billable, AmountNanodollars: a.NanoDollars}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// prefers tells whether a client asked for a media type by name and wants it more than JSON (RFC 9110 section 12.5.1).
func prefers(accept []string, wanted string) bool {
	named, asJSON := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, given := params["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch media {
		case wanted:
			named = weight
		case jsonType:
			asJSON = weight
		}
	}
	return named > asJSON
}
