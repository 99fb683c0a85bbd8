package dashboard

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/usage"
)

// manyRows is one creation by each of many machines in the month of the world's clock.
func manyRows(n int) []usage.Row {
	out := make([]usage.Row, n)
	for i := range out {
		out[i] = usage.Row{
			Hour: time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC), Machine: m2m.MachineID(fmt.Sprintf("mch_%027d", i)), Operation: m2m.OpCreate, Format: m2m.JWT, Count: 1,
		}
	}
	return out
}

const byMachine = Root + "/usage.csv?start=2026-05-01T00:00:00Z&end=2026-06-01T00:00:00Z&interval=month&group_by=machine"

// The page's own link gives all of an instance, however large.
func TestUsageCSVHasNoLimit(t *testing.T) {
	w := newWorld(t, local)
	w.figures.counted = manyRows(usage.MaxLines + 1)
	out := w.send(http.MethodGet, byMachine, nil, signedIn)
	if out.Code != http.StatusOK {
		t.Fatalf("%d", out.Code)
	}
	rows, err := csv.NewReader(out.Body).ReadAll()
	if err != nil || len(rows) != 2+usage.MaxLines || rows[1][1] != string(w.figures.counted[0].Machine) || rows[usage.MaxLines+1][9] != "1000000" {
		t.Errorf("%v, %d rows", err, len(rows))
	}
	w.figures.counted = nil
	if rows, err := csv.NewReader(w.send(http.MethodGet, byMachine, nil, signedIn).Body).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("of nothing: %v, %q", err, rows)
	}
}

// A day of any number of entries can be taken away whole, by the filters that the page shows.
func TestAuditCSVHoldsEverythingThatWasFilteredFor(t *testing.T) {
	const n = 12_000
	w := newWorld(t, local)
	for i := range n {
		w.figures.entries = append(w.figures.entries, audit.Entry{ID: int64(n - i), At: w.now, Action: "machine.update", Target: orders})
	}
	rows, err := csv.NewReader(strings.NewReader(get(t, w, "/audit.csv?action=machine.update&until=2026-05-01"))).ReadAll()
	if err != nil || len(rows) != 1+n {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	for i, row := range rows[1:] {
		if row[0] != strconv.Itoa(n-i) {
			t.Fatalf("row %d is entry %s", i, row[0])
		}
	}
	for i, q := range w.figures.asked {
		want := audit.Query{Action: "machine.update", Until: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), Limit: auditASlice}
		if i > 0 {
			want.Before = int64(n - i*auditASlice + 1)
		}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Fatalf("question %d: %s", i, diff)
		}
	}
	w.figures.entries = nil
	if rows, err := csv.NewReader(strings.NewReader(get(t, w, "/audit.csv"))).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("of nothing: %v, %q", err, rows)
	}
}

func TestAFileThatCannotBeginIsAPage(t *testing.T) {
	w := newWorld(t, local)
	w.figures.counted = manyRows(2)
	w.figures.counted[1] = w.figures.counted[0]
	w.figures.counted[0].Count, w.figures.counted[1].Count = 1<<62, 1<<62
	out := w.send(http.MethodGet, byMachine, nil, signedIn)
	if out.Code != http.StatusUnprocessableEntity || !strings.Contains(out.Body.String(), "Too much to add up") {
		t.Errorf("sums past the largest number: %d", out.Code)
	}
	w.figures.counted, w.figures.unreadable = nil, m2m.ErrUnavailable
	if out := w.send(http.MethodGet, byMachine, nil, signedIn); out.Code != http.StatusServiceUnavailable || out.Header().Get("Content-Disposition") != "" {
		t.Errorf("without a database: %d", out.Code)
	}
}

// Half a file must not look like a whole one.
func TestAFileThatCannotBeFinishedIsCut(t *testing.T) {
	w := newWorld(t, local)
	w.figures.counted, w.figures.unreadable = manyRows(usage.MaxLines), errors.New("the disk is gone")
	for i := usage.MaxLines / 2; i < usage.MaxLines; i++ { // they are in the second slice
		w.figures.counted[i].Hour = w.figures.counted[i].Hour.Add(time.Hour)
	}
	server := httptest.NewServer(w.handler)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+strings.Replace(byMachine, "month", "hour", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	signedIn(r)
	w.now = time.Now() // connections have deadlines of the real clock
	out, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close() //nolint:errcheck // read until its end
	body, err := io.ReadAll(out.Body)
	if out.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 || strings.Contains(string(body), "<html") {
		t.Errorf("%d, %v after %d bytes", out.StatusCode, err, len(body))
	}
	server.Close()
	if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "the disk is gone") || strings.Contains(log, "panic") {
		t.Errorf("log: %s", log)
	}
}
