package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// ContentType is what a table is sent as.
const ContentType = "text/csv; charset=utf-8"

// Writer writes one table, row by row.
type Writer struct {
	csv *csv.Writer
}

// New makes a writer of a table to w.
func New(w io.Writer) *Writer {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return &Writer{out}
}

// Row writes one row of cells. The first error is kept for Flush.
func (w *Writer) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = text(c)
	}
	_ = w.csv.Write(row) // the writer keeps its first error for the end
}

// Flush writes what is left, and gives the first error of all.
func (w *Writer) Flush() error {
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	return nil
}

// text keeps a cell text: a spreadsheet runs what begins with one of these.
func text(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
