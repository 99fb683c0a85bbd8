package usage

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Whatever the size of slices and of turns, the lines are those of the report, and no more of them are held than slices may have.
func TestLinesInSlicesAreThoseOfTheReport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := New(rowSets().Draw(t, "rows"), priceLists().Draw(t, "prices"))
		who := rapid.SampledFrom([]m2m.Caller{operator(), machine(a), machine(b)}).Draw(t, "caller")
		q := queries().Draw(t, "query")
		want := draw(t, service, who, q).Lines
		service.most = rapid.IntRange(1, 5).Draw(t, "lines of a slice")
		service.patience = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "patience")
		var got []Line
		err := service.Lines(t.Context(), who, q, func(lines []Line) error {
			if len(lines) == 0 || len(lines) > 2*service.most {
				t.Errorf("a slice of %d lines", len(lines))
			}
			got = append(got, lines...)
			return nil
		})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v (-report +slices):\n%s", err, diff)
		}
	})
}

// One month of more groups than a report may have lines, and hours of many groups each.
func TestLinesHaveNoLimit(t *testing.T) {
	var store rows
	for h := range 3 {
		for n := range MaxLines + 10 {
			store = append(store, Row{Hour: hour("2026-05-01T00").Add(time.Duration(h) * time.Hour), Machine: m2m.MachineID(fmt.Sprintf("mch_%08d", n)), Operation: m2m.OpCreate, Format: m2m.JWT, Count: 1})
		}
	}
	service := New(store, prices(t, "create=0.001", "create=100000"))
	for interval, want := range map[Interval]int{Month: MaxLines + 10, Hour: 3 * (MaxLines + 10)} {
		q := span("2026-05-01T00", "2026-06-01T00", interval, Groups{Machine: true})
		if _, err := service.Report(t.Context(), operator(), q); err == nil {
			t.Fatal("a report takes as many")
		}
		var total Amounts
		n := 0
		err := service.Lines(t.Context(), operator(), q, func(lines []Line) error {
			if len(lines) > 2*linesASlice {
				t.Errorf("a slice of %d lines", len(lines))
			}
			for _, l := range lines {
				total = sum(total, l.Amounts)
			}
			n += len(lines)
			return nil
		})
		whole := report(t, service, operator(), span("2026-05-01T00", "2026-06-01T00", Month, Groups{})).Total
		if err != nil || n != want || total != whole {
			t.Errorf("by %s: %v, %d lines of %v, want %d of %v", interval, err, n, total, want, whole)
		}
	}
}

func TestLinesEndWithTheFirstError(t *testing.T) {
	service := New(rows{created("2026-05-01T00", a, m2m.JWT, 1)}, PriceList{})
	q := span("2026-05-01T00", "2026-06-01T00", Month, Groups{})
	stop := errors.New("enough")
	if err := service.Lines(t.Context(), operator(), q, func([]Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if err := service.Lines(t.Context(), m2m.Caller{}, q, nil); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("nobody: %v", err)
	}
	service.turn <- struct{}{}
	if err := service.Lines(t.Context(), operator(), q, nil); !errors.Is(err, m2m.ErrBusy) {
		t.Errorf("while a report is made: %v", err)
	}
}
