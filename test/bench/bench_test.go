package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// A whole run in small, as its own process, because it runs itself as the echo.
func TestBenchMeasuresEveryFigure(t *testing.T) {
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, progress bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-quick")
	cmd.Stdout, cmd.Stderr = &out, &progress
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, r := range ratios() {
		if !strings.Contains(out.String(), "| "+r.sentence+" |") {
			t.Errorf("the table lacks %q:\n%s", r.sentence, &out)
		}
	}
	if !strings.Contains(out.String(), "| open loop") {
		t.Errorf("there was no open loop:\n%s", &out)
	}
}

func TestSoakTellsMemoryAndItsSlope(t *testing.T) {
	var out, progress bytes.Buffer
	if err := run(t.Context(), []string{"-quick", "-soak", "2s"}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	if !regexp.MustCompile(`at most \d+\.\d MB resident, [+-]\d+\.\d\d MB a minute`).MatchString(out.String()) {
		t.Error(out.String())
	}
}

func TestSlopeIsThatOfALine(t *testing.T) {
	if got := slopeOf([]sample{{0, 10}, {1, 12}, {2, 14}}); got < 1.999 || got > 2.001 {
		t.Error(got)
	}
}

func TestHistogramTellsQuantilesWithinAFewPercent(t *testing.T) {
	var h, half histogram
	for i := range 5000 {
		h.add(time.Duration(2*i+1) * time.Microsecond)
		half.add(time.Duration(2*i+2) * time.Microsecond)
	}
	h.merge(&half)
	for q, want := range map[float64]time.Duration{0.5: 5000 * time.Microsecond, 0.99: 9900 * time.Microsecond, 1: 10 * time.Millisecond} {
		if got := h.quantile(q); got < want || got > want+want/32 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 127, 128, 1000, time.Hour} {
		if top := topOf(bucketOf(d)); top < d || top > d+d/64 {
			t.Errorf("%v is in a bucket that ends at %v", d, top)
		}
	}
}

func TestClientFindsTheEndOfAnAnswer(t *testing.T) {
	for text, want := range map[string]int{
		"HTTP/1.1 200 OK\r\nContent-Le":                                      0,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":                     40,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok":          49,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":     chunked,
		"HTTP/1.1 200 OK\r\nX: Content-Length: 2\r\nTrailer: a\r\n\r\n0\r\n": chunked,
	} {
		if got := endOf([]byte(text)); got != want {
			t.Errorf("%q ends at %d, want %d", text, got, want)
		}
	}
}

func TestAMissedFigureIsSaid(t *testing.T) {
	r := rounds{"verify, 64": {{rate: 30}, {rate: 39}, {rate: 90}}, "echo, 64": {{rate: 100}, {rate: 100}, {rate: 100}}}
	var out bytes.Buffer
	r.printRatios(&out)
	if !strings.Contains(out.String(), "**0.39x** | 0.30 to 0.90 | **not met** |") {
		t.Error(out.String())
	}
	if got := r.ratiosOf(ratios()[0]); !slices.IsSorted(got) || len(got) != 3 {
		t.Error(got)
	}
}

// Who is measured several times in a round is compared with what was measured in the same one.
func TestRatiosAreOfOneRound(t *testing.T) {
	often := []result{{rate: 10}, {rate: 12}, {rate: 20}, {rate: 24}}
	once := []result{{rate: 100}, {rate: 400}}
	for _, c := range []struct {
		measured rounds
		want     string
	}{
		{rounds{"verify, 64": often, "echo, 64": once}, "[0.05 0.06 0.10 0.12]"},
		{rounds{"verify, 64": once, "echo, 64": often}, "[8.33 10.00 16.67 20.00]"},
		{rounds{"verify, 64": once}, "[]"},
	} {
		if got := fmt.Sprintf("%.2f", c.measured.ratiosOf(ratios()[0])); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
