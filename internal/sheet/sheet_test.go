package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
)

// R49: no cell is a formula.
func TestNoCellIsAFormula(t *testing.T) {
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "=cmd|' /C calc'!A0", `=HYPERLINK("x","y")`} {
		var out bytes.Buffer
		w := New(&out)
		w.Row("a", cell)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		read, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		// Between quotes encoding/csv makes every line end one of its own, so only the beginning is compared.
		if got := read[0][1]; !strings.HasPrefix(got, "'") {
			t.Errorf("%q was written as %q", cell, got)
		}
	}
}

func TestHarmlessCellsStayAsTheyAre(t *testing.T) {
	var out bytes.Buffer
	w := New(&out)
	w.Row("mch_=1", "", "a,b", `c"d`)
	if err := w.Flush(); err != nil || out.String() != "mch_=1,,\"a,b\",\"c\"\"d\"\r\n" {
		t.Errorf("%v %q", err, out.String())
	}
}

func TestAWriteThatFailedIsTold(t *testing.T) {
	full := errors.New("disk full")
	w := New(failingWriter{full})
	w.Row("a")
	if err := w.Flush(); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
