package usage

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes the report's lines as RFC 4180 has it, under the header
//
//	start,machine_id,receiver_id,token_format,operation,total_usage,total_billable_usage,amount_nanodollars
//
// The columns are the same for every query: what it does not group by is empty. There is no line of totals, so that a column can be
// summed. A cell that a spreadsheet would take for a formula begins with an apostrophe (R49).
func (r Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	cells := []string{
		"start", "machine_id", "receiver_id", "token_format", "operation", "total_usage", "total_billable_usage", "amount_nanodollars",
	}
	_ = out.Write(cells) // the writer keeps its first error for the end
	for _, l := range r.Lines {
		cells = append(cells[:0], l.Start.Format(time.RFC3339), string(l.Machine), string(l.Receiver), string(l.Format),
			string(l.Operation), number(l.Usage), number(l.Billable), number(l.NanoDollars))
		for i, c := range cells {
			cells[i] = text(c)
		}
		_ = out.Write(cells)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write usage as CSV: %w", err)
	}
	return nil
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// text keeps a cell text: a spreadsheet runs what begins with one of these.
func text(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
