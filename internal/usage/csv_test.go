package usage

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
)

func TestCSVHasOneShapeForEveryQuery(t *testing.T) {
	r := Report{Lines: []Line{
		{hour("2026-05-01T00"), Group{Machine: a, Receiver: b, Format: m2m.Opaque, Operation: m2m.OpVerify}, Amounts{12, 10, 1_000_000}},
		{Start: hour("2026-05-02T00"), Amounts: Amounts{Usage: 3}},
	}, Total: Amounts{15, 10, 1_000_000}}
	want := "start,machine_id,receiver_id,token_format,operation,total_usage,total_billable_usage,amount_nanodollars\r\n" +
		"2026-05-01T00:00:00Z,mch_a,mch_b,opaque,verify,12,10,1000000\r\n" +
		"2026-05-02T00:00:00Z,,,,,3,0,0\r\n"
	var out bytes.Buffer
	if err := r.WriteCSV(&out); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// R49: no cell is a formula.
func TestCSVNeutralisesFormulas(t *testing.T) {
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "=cmd|' /C calc'!A0", `=HYPERLINK("x","y")`} {
		var out bytes.Buffer
		if err := (Report{Lines: []Line{{Group: Group{Machine: m2m.MachineID(cell)}}}}).WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		read, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		// Between quotes encoding/csv makes every line end one of its own, so only the beginning is compared.
		if got := read[1][1]; !strings.HasPrefix(got, "'") {
			t.Errorf("%q was written as %q", cell, got)
		}
	}
	if text("mch_=1") != "mch_=1" || text("") != "" {
		t.Error("a harmless cell was changed")
	}
}

func TestCSVTellsAWriteThatFailed(t *testing.T) {
	full := errors.New("disk full")
	if err := (Report{}).WriteCSV(failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
