package usage

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/sheet"
)

// WriteCSV writes the report's lines as RFC 4180 has it, under the header
//
//	start,machine_id,receiver_id,token_format,operation,total_usage,total_billable_usage,amount_nanodollars
//
// The columns are the same for every query: what it does not group by is empty. There is no line of totals, so that a column can be
// summed. A cell that a spreadsheet would take for a formula begins with an apostrophe (R49).
func (r Report) WriteCSV(w io.Writer) error {
	out := sheet.New(w)
	out.Row("start", "machine_id", "receiver_id", "token_format", "operation", "total_usage", "total_billable_usage", "amount_nanodollars")
	for _, l := range r.Lines {
		out.Row(l.Start.Format(time.RFC3339), string(l.Machine), string(l.Receiver), string(l.Format),
			string(l.Operation), number(l.Usage), number(l.Billable), number(l.NanoDollars))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write usage as CSV: %w", err)
	}
	return nil
}

// NamedCSV is WriteCSV with machine_name and receiver_name behind the ids, for people, slice by slice. Nothing is written before Lines or
// Flush is called.
type NamedCSV struct {
	out *sheet.Writer
}

// NewNamedCSV begins a table with its header.
func NewNamedCSV(w io.Writer) *NamedCSV {
	out := sheet.New(w)
	out.Row("start", "machine_id", "machine_name", "receiver_id", "receiver_name", "token_format", "operation",
		"total_usage", "total_billable_usage", "amount_nanodollars")
	return &NamedCSV{out}
}

// Lines adds lines. A machine without a name has none there.
func (t *NamedCSV) Lines(lines []Line, name func(m2m.MachineID) string) error {
	for _, l := range lines {
		t.out.Row(l.Start.Format(time.RFC3339), string(l.Machine), name(l.Machine), string(l.Receiver), name(l.Receiver), string(l.Format),
			string(l.Operation), number(l.Usage), number(l.Billable), number(l.NanoDollars))
	}
	return t.Flush()
}

// Flush writes what is left, and gives the first error of all.
func (t *NamedCSV) Flush() error {
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write usage as CSV: %w", err)
	}
	return nil
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
