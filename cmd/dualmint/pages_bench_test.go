package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver that the store uses
)

// The world of the benchmark.
const (
	benchMachines = 10_000
	benchTokens   = 1_000_000
	benchAudit    = 200_000
	benchIssuer   = "http://127.0.0.1:1"
	benchKey      = "sk_benchmark_benchmark_benchmark_benchmark"
)

// BenchmarkPages renders every page of the dashboard as its server does, on SQLite with 10,000 machines, a million tokens and a month of
// usage in which every tenth machine was busy in each hour, and all of them in the last two. It prints milliseconds, the slowest of them
// too, and bytes of one page. A usage page that has read the open hour rests before it reads it again, so its slowest is what that costs.
func BenchmarkPages(b *testing.B) {
	dir := b.TempDir()
	p := &program{
		environ: []string{
			"DUALMINT_ISSUER=" + benchIssuer, "DUALMINT_SECRET_KEY=" + benchKey, "DUALMINT_RATE_PER_ADDRESS=0",
			"DUALMINT_DATABASE_URL=sqlite:" + filepath.Join(dir, "dualmint.db"),
		},
		dir: dir, in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: time.Now,
	}
	c, err := p.loadSettings()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.EnsureKeys(); err != nil {
		b.Fatal(err)
	}
	s, err := p.assemble(b.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.db.Close(); err != nil {
			b.Error(err)
		}
	}()
	loops, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.grouped.Run(loops) })
	running.Go(func() { _ = s.keys.Run(loops) })
	running.Go(func() { _ = s.ledger.Run(loops) })
	running.Go(func() { _ = s.tally.Run(loops) })
	defer running.Wait()
	defer stop()
	seed(b, filepath.Join(dir, "dualmint.db"))
	cookie := signInto(b, s.door.handler)
	hub, token := benchMachine(0), fmt.Sprintf("mt_%032x", 77)
	month := time.Now().UTC().Format("2006-01")
	for _, page := range []struct{ name, path string }{
		{"overview", ""},
		{"machines", "/machines"},
		{"machines by name", "/machines?order=name&after=" + benchMachine(7000)},
		{"machines found", "/machines?q=service+09"},
		{"machines not found", "/machines?q=nobody"},
		{"machine", "/machines/" + benchMachine(42)},
		{"machine that all call", "/machines/" + hub},
		{"scopes", "/machines/" + benchMachine(42) + "/scopes"},
		{"tokens of a machine", "/machines/" + hub + "/tokens"},
		{"token", "/tokens/" + token},
		{"graph", "/graph"},
		{"graph around one", "/graph?machine=" + benchMachine(42)},
		{"graph around the hub", "/graph?machine=" + hub},
		{"graph found", "/graph?q=service"},
		{"usage", "/usage?month=" + month},
		{"keys", "/keys"},
		{"rotate", "/keys/rotate"},
		{"audit", "/audit"},
		{"audit filtered", "/audit?action=machine.update&who=instance_key&address=192.0.2.7"},
		{"audit of a machine", "/audit?target=" + hub},
		{"audit until", "/audit?until=" + time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)},
	} {
		b.Run(strings.ReplaceAll(page.name, " ", "-"), func(b *testing.B) { look(b, s.door.handler, cookie, "/dashboard"+page.path) })
	}
}

// look renders a page b.N times, after a first one that reads what the process does not know yet.
func look(b *testing.B, h http.Handler, cookie *http.Cookie, path string) {
	b.Helper()
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, benchIssuer+path, nil)
		r.AddCookie(cookie)
		out := httptest.NewRecorder()
		h.ServeHTTP(out, r)
		return out
	}
	begun := time.Now()
	for range 20 {
		out := ask()
		if out.Code != http.StatusOK {
			b.Fatalf("%s: %d", path, out.Code)
		}
		if !strings.Contains(out.Body.String(), "Go on counting") {
			break
		}
	}
	first := time.Since(begun)
	took := make([]time.Duration, 0, b.N)
	bytes := 0
	for b.Loop() {
		start := time.Now()
		out := ask()
		took = append(took, time.Since(start))
		bytes = out.Body.Len()
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(took[len(took)/2]), "ms/page")
	b.ReportMetric(ms(took[len(took)-1]), "slowest-ms")
	b.ReportMetric(ms(first), "first-ms")
	b.ReportMetric(float64(bytes), "bytes")
}

func benchMachine(n int) string { return fmt.Sprintf("mch_%027d", n) }

func signInto(b *testing.B, h http.Handler) *http.Cookie {
	b.Helper()
	form := url.Values{"key": {benchKey}, "next": {"/dashboard"}}
	r := httptest.NewRequest(http.MethodPost, benchIssuer+"/dashboard/sign-in", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	cookies := out.Result().Cookies()
	if len(cookies) == 0 {
		b.Fatalf("sign-in: %d", out.Code)
	}
	return cookies[0]
}

// seed fills the database from the inside. Machine 0 is a hub: all others may call it, and a fifth of all tokens are its own.
func seed(b *testing.B, file string) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(60000)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	now := time.Now().UTC()
	hour := now.Truncate(time.Hour)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	count := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < %d) ", n-1)
	}
	id := func(expr string) string { return fmt.Sprintf("printf('mch_%%027d', %s)", expr) }
	for _, statement := range []string{
		count(benchMachines) + fmt.Sprintf(`INSERT INTO machines (id, name, default_ttl, default_format, created_at, updated_at)
SELECT %s, printf('service %%04d of a department with a long name', (n * 7919) %% %d), 3600, 'jwt', %d + n, %d + n FROM k`, id("n"), benchMachines, month.UnixMilli(), month.UnixMilli()),
		count(benchMachines-1) + fmt.Sprintf(`INSERT INTO machine_scopes (from_id, to_id, position, created_at)
SELECT %s, %s, 0, 1 FROM k`, id("n + 1"), id("0")),
		count(benchMachines-1) + fmt.Sprintf(`INSERT INTO machine_scopes (from_id, to_id, position, created_at)
SELECT %s, %s, 1, 1 FROM k`, id("n + 1"), id(fmt.Sprintf("1 + (n + 1) %% %d", benchMachines-1))),
		count(benchMachines) + fmt.Sprintf(`INSERT INTO machine_scopes (from_id, to_id, position, created_at)
SELECT %s, %s, 2, 1 FROM k`, id("n"), id(fmt.Sprintf("1 + (n + 17) %% %d", benchMachines-1))),
		// Two in three live, one in twenty is revoked, half are JWTs.
		count(benchTokens) + fmt.Sprintf(`INSERT INTO tokens (id, hash, format, machine_id, scopes, key_id, issued_at, expires_at, created_at, updated_at, revoked_at)
SELECT printf('mt_%%032x', n), CASE n %% 2 WHEN 0 THEN randomblob(32) END, CASE n %% 2 WHEN 0 THEN 'opaque' ELSE 'jwt' END,
    CASE n %% 5 WHEN 0 THEN %s ELSE %s END, %s, CASE n %% 2 WHEN 1 THEN (SELECT kid FROM signing_keys WHERE state = 'active') END,
    %d + n, %d + CASE n %% 3 WHEN 0 THEN -86400000 ELSE 86400000 END + n, %d + n, %d + n, CASE n %% 20 WHEN 7 THEN %d END FROM k`,
			id("0"), id(fmt.Sprintf("n %% %d", benchMachines)), id("0"), month.UnixMilli(), now.UnixMilli(), month.UnixMilli(), month.UnixMilli(), now.UnixMilli()),
		// Every tenth machine in every hour, from one writer; all in the last two hours, from two.
		count(int(hour.Sub(month).Hours())-1) + fmt.Sprintf(`INSERT INTO usage (hour, machine_id, receiver_id, operation, format, writer, count)
SELECT %d + n * 3600000, m.id, r.to_id, CASE WHEN r.to_id = '' THEN 'create' ELSE 'verify' END, 'opaque', 'w', 1 + (n * 31 + m.created_at) %% 97
FROM k JOIN (SELECT id, created_at FROM machines WHERE created_at %% 10 = 3) m JOIN (SELECT '' AS to_id UNION ALL SELECT %s) r`, month.UnixMilli(), id("0")),
		count(4) + fmt.Sprintf(`INSERT INTO usage (hour, machine_id, receiver_id, operation, format, writer, count)
SELECT %d - (n / 2) * 3600000, m.id, r.to_id, CASE WHEN r.to_id = '' THEN 'create' ELSE 'verify' END, 'jwt', 'v' || (n %% 2), 1 + (n * 31 + m.created_at) %% 997
FROM k JOIN (SELECT id, created_at FROM machines WHERE id > %s) m JOIN (SELECT '' AS to_id UNION ALL SELECT %s) r`, hour.UnixMilli(), id("0"), id("0")),
		count(benchAudit) + fmt.Sprintf(`INSERT INTO audit (at, actor_kind, address, trace_id, action, target, details)
SELECT %d + n * 10000, 'instance_key', '192.0.2.' || (n %% 200), 'trace', CASE n %% 3 WHEN 0 THEN 'machine.update' ELSE 'scope.add' END, %s,
    json_object('to_machine_id', %s) FROM k`, now.Add(-benchAudit*10*time.Second).UnixMilli(), id(fmt.Sprintf("n %% %d", benchMachines/100)), id("n % 999")),
		"ANALYZE",
	} {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
}
