//go:build faults

package faults

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/test/harness"
)

const lanesEach = 12 // connections to each process

// I4, R12, R27: servers are killed under load, at random moments. What a client was told did happen, was billed once, and is there; what is
// billed beyond that is no more than what was in flight at the kills.
func TestKilledServersKeepTheirWord(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { keepTheirWord(t, harness.SQLite(t), 1) })
	t.Run("postgres", func(t *testing.T) { keepTheirWord(t, pgtest.URL(t), 2) })
}

func keepTheirWord(t *testing.T, database string, replicas int) {
	t.Helper()
	began := time.Now()
	d := harness.New(t, database, quietly...)
	fleet := make([]atomic.Pointer[harness.Server], replicas)
	book := newLedger()
	var lanes []*lane
	for i := range fleet {
		fleet[i].Store(d.Start(t))
		for range lanesEach {
			lanes = append(lanes, newLane(t, book, &fleet[i]))
		}
	}
	stop := driveAll(t, lanes)
	defer stop()
	for kill := range *kills {
		time.Sleep(between(50*time.Millisecond, 500*time.Millisecond))
		victim := &fleet[kill%replicas]
		victim.Load().Kill()
		victim.Store(d.Start(t))
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	settled(t, database)
	t.Logf("%d kills in %v", *kills, time.Since(began).Round(time.Second))
	s := fleet[0].Load()
	billed := book.balance(t, s, began)
	for _, l := range lanes {
		l.present(t, s, billed)
	}
}

// quietly keeps the log to what the ledger reads.
var quietly = []string{"DUALMINT_LOG_LEVEL=warn"}

// settled waits until the database has done with what killed processes left under way.
func settled(t *testing.T, database string) {
	t.Helper()
	if database[:len("sqlite")] == "sqlite" {
		return
	}
	const busy = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`
	for range 500 {
		if number(t, database, busy) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the database does not come to rest")
}

// number asks the database itself.
func number(t *testing.T, database, query string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // a test
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// present finds every creation that was acknowledged, listed once and verifiable, and as many rows as were billed.
func (l *lane) present(t *testing.T, s *harness.Server, billed map[line]int64) {
	t.Helper()
	listed, rows := map[string]int{}, map[string]int64{}
	for offset, total := 0, 1; offset < total; offset += 100 {
		var page struct {
			Tokens []harness.Token `json:"m2m_tokens"`
			Total  int             `json:"total_count"`
		}
		s.Call(t, http.MethodGet, "/v1/m2m_tokens?subject="+l.machine.ID+"&revoked=true&expired=true&limit=100&offset="+strconv.Itoa(offset),
			l.machine.SecretKey, nil).Want(t, http.StatusOK).Into(t, &page)
		total = page.Total
		for _, token := range page.Tokens {
			listed[token.ID]++
			rows[token.Format]++
		}
	}
	for _, format := range formats {
		if b := billed[line{l.machine.ID, "create", format}]; b != rows[format] {
			t.Errorf("%d creations of format %s billed, and %d are there", b, format, rows[format])
		}
		mine := l.tokens[format]
		for len(mine) > 0 {
			part := mine[:min(len(mine), 256)]
			mine = mine[len(part):]
			l.verifiable(t, s, part, listed)
		}
	}
}

func (l *lane) verifiable(t *testing.T, s *harness.Server, tokens []harness.Token, listed map[string]int) {
	t.Helper()
	bearers := make([]string, len(tokens))
	for i, token := range tokens {
		bearers[i] = token.Token
		if listed[token.ID] != 1 {
			t.Errorf("an acknowledged creation is listed %d times", listed[token.ID])
		}
	}
	var answer struct {
		Results []harness.Token `json:"results"`
	}
	s.Call(t, http.MethodPost, "/v1/m2m_tokens/verify_batch", l.machine.SecretKey, harness.Fields{"tokens": bearers}).
		Want(t, http.StatusOK).Into(t, &answer)
	for i, r := range answer.Results {
		if r.ID != tokens[i].ID {
			t.Errorf("an acknowledged creation is not verifiable")
		}
	}
}
