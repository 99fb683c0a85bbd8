package usage

import (
	"bytes"
	"errors"
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

// R49: the names that people gave are in it, and none is a formula.
func TestNamedCSVHasNamesAsText(t *testing.T) {
	lines := []Line{{hour("2026-05-01T00"), Group{Machine: a, Receiver: b, Format: m2m.Opaque, Operation: m2m.OpVerify}, Amounts{12, 10, 1_000_000}}}
	names := map[m2m.MachineID]string{a: `=HYPERLINK("x")`, b: "b, of course"}
	want := "start,machine_id,machine_name,receiver_id,receiver_name,token_format,operation,total_usage,total_billable_usage,amount_nanodollars\r\n" +
		"2026-05-01T00:00:00Z,mch_a,\"'=HYPERLINK(\"\"x\"\")\",mch_b,\"b, of course\",opaque,verify,12,10,1000000\r\n"
	var out bytes.Buffer
	if err := NewNamedCSV(&out).Lines(lines, func(id m2m.MachineID) string { return names[id] }); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
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
