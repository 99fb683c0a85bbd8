//go:build faults

package faults

import (
	"bufio"
	"bytes"
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// line is what one figure of the bill is about. Each lane of the load has a machine of its own, so the bounds hold for each connection
// by itself: a request in flight on one cannot hide what was billed twice on another.
type line struct{ machine, operation, format string }

// counts is how many operations of each line a request asks for.
type counts map[line]int64

// entry is what the client knows.
type entry struct {
	acknowledged int64 // it saw the answer that says so
	unknown      int64 // it saw no answer, or one that says "cannot tell"
}

// ledger is what all clients know. Whatever is neither acknowledged nor unknown was refused, and must not be billed.
type ledger struct {
	mu      sync.Mutex
	lines   map[line]*entry
	doubts  []doubt
	refused int64 // requests
	lost    int64 // requests whose connection died before the answer
	doubted int   // requests that were told "cannot tell", and the server could not
}

// doubt is a 503: whether something was done only the log of the process tells.
type doubt struct {
	server *harness.Server
	trace  string
	counts counts
}

func newLedger() *ledger { return &ledger{lines: map[line]*entry{}} }

func (l *ledger) at(at line) *entry {
	e := l.lines[at]
	if e == nil {
		e = new(entry)
		l.lines[at] = e
	}
	return e
}

func (l *ledger) acknowledge(c counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, n := range c {
		l.at(at).acknowledged += n
	}
}

func (l *ledger) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
}

func (l *ledger) lose(c counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost++
	for at, n := range c {
		l.at(at).unknown += n
	}
}

func (l *ledger) doubt(d doubt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubts = append(l.doubts, d)
}

// Of these errors the server is certain that nothing was done. What it is not certain of may have been billed.
var (
	certain  = []string{"nothing was done", "too many questions are waiting", "closed for new questions", `error="authenticate: `, `error="mint token: `}
	traceTag = regexp.MustCompile(`trace_id=([0-9a-f]{32})`)
)

// resolve reads the logs: a 503 of which the server is certain was a refusal, any other is unknown.
func (l *ledger) resolve(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	sure := map[*harness.Server]map[string]bool{}
	for _, d := range l.doubts {
		if sure[d.server] == nil {
			sure[d.server] = certainties(d.server.Logs(t))
		}
		if sure[d.server][d.trace] {
			l.refused++
			continue
		}
		l.doubted++
		for at, n := range d.counts {
			l.at(at).unknown += n
		}
	}
	l.doubts = nil
}

func certainties(log []byte) map[string]bool {
	out := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(log)); lines.Scan(); {
		text := lines.Text()
		if slices.ContainsFunc(certain, func(s string) bool { return strings.Contains(text, s) }) {
			if m := traceTag.FindStringSubmatch(text); m != nil {
				out[m[1]] = true
			}
		}
	}
	return out
}

// balance holds the bill to the promise, line by line, and gives what each operation and format came to.
func (l *ledger) balance(t *testing.T, s *harness.Server, began time.Time) map[line]int64 {
	t.Helper()
	l.resolve(t)
	billed := map[line]int64{}
	for _, row := range s.UsageOf(t, s.InstanceKey, began, time.Now()).Data {
		billed[line{row.Machine, row.Operation, row.Format}] += row.Total
	}
	sums, bills := map[line]entry{}, map[line]int64{}
	for at := range billed {
		l.at(at)
	}
	for at, e := range l.lines {
		if b := billed[at]; b < e.acknowledged || b > e.acknowledged+e.unknown {
			t.Errorf("%v: %d acknowledged, %d unknown, and %d billed", at, e.acknowledged, e.unknown, b)
		}
		sum := line{operation: at.operation, format: at.format}
		sums[sum] = entry{sums[sum].acknowledged + e.acknowledged, sums[sum].unknown + e.unknown}
		bills[sum] += billed[at]
	}
	t.Logf("%d requests refused, %d without an answer, %d told that the outcome is unknown", l.refused, l.lost, l.doubted)
	for _, at := range slices.SortedFunc(maps.Keys(sums), func(a, b line) int {
		return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.format, b.format))
	}) {
		e := sums[at]
		t.Logf("%-6s %-6s %7d acknowledged <= %7d billed <= %7d with the unknown; billed - acknowledged = %d of at most %d",
			at.operation, at.format, e.acknowledged, bills[at], e.acknowledged+e.unknown, bills[at]-e.acknowledged, e.unknown)
	}
	return billed
}
