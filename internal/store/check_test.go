package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// Each table was analyzed when it had next to nothing in it, or no living token.
func TestHotStatementsAreServedByIndexesWhateverTheStatisticsSay(t *testing.T) {
	for name, made := range map[string]struct {
		tokens int
		then   string
	}{"few": {4, "ANALYZE"}, "all revoked": {2000, "UPDATE tokens SET revoked_at = 1"}} {
		t.Run(name, func(t *testing.T) {
			d := openHot(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync), Options{})
			population(t, d, made.tokens, 4)
			for _, sql := range []string{made.then, "VACUUM ANALYZE"} {
				if _, err := d.sql.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			hotStatementsAreServedByIndexes(t, d)
		})
	}
}

func hotStatementsAreServedByIndexes(t *testing.T, d *DB) {
	t.Helper()
	for name, c := range map[string]struct {
		statement string
		indexes   []string
	}{
		"check": {checkPostgresSQL, []string{
			"tokens_by_hash", "tokens_pkey", "machine_secrets_pkey", "machines_pkey", "machine_scopes_pkey", "signing_keys_pkey",
			"writers_pkey", "instance_pkey",
		}},
		"check without JWTs": {checkOpaqueSQL, []string{
			"tokens_by_hash", "machine_secrets_pkey", "machines_pkey", "machine_scopes_pkey", "writers_pkey", "instance_pkey",
		}},
		"record":  {recordPostgresSQL, []string{"signing_keys_pkey", "machines_pkey", "writers_pkey", "tokens_for_reuse"}},
		"callers": {callersPostgresSQL, []string{"machine_secrets_pkey", "machines_pkey", "instance_pkey"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := planOf(t, d, c.statement)
			if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "tokens_by_machine") || strings.Contains(plan, "tokens_living") || strings.Contains(plan, "Merge Join") {
				t.Errorf("a whole table is read:\n%s", plan)
			}
			for _, index := range c.indexes {
				if !strings.Contains(plan, index) {
					t.Errorf("%s is not used:\n%s", index, plan)
				}
			}
		})
	}
}

// planOf is the plan that a connection would keep for a statement.
func planOf(t *testing.T, d *DB, statement string) string {
	t.Helper()
	prepare(t, d, statement)
	plan := keptPlan(t, d, statement)
	if _, err := d.sql.ExecContext(t.Context(), "DEALLOCATE hot"); err != nil {
		t.Fatal(err)
	}
	return plan
}

func prepare(t *testing.T, d *DB, statement string) {
	t.Helper()
	if _, err := d.sql.ExecContext(t.Context(), "PREPARE hot AS "+statement); err != nil {
		t.Fatal(err)
	}
}

func keptPlan(t *testing.T, d *DB, statement string) string {
	t.Helper()
	parameters := 0
	for strings.Contains(statement, fmt.Sprintf("$%d", parameters+1)) {
		parameters++
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", parameters), ", ")
	rows, err := d.sql.QueryContext(t.Context(), "EXPLAIN EXECUTE hot("+nulls+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// The worst case for a planner: it has looked at every table and found them empty, and would keep the plan while they grow.
func TestPlansAreMadeAgainAsTablesGrow(t *testing.T) {
	var age atomic.Int64
	began := time.Now()
	now := func() time.Time { return began.Add(time.Duration(age.Load())) }
	url := pgtest.FromTemplate(t, migrateURL, pgtest.NoSync)
	d, err := Open(t.Context(), Options{URL: url, ScopeRule: m2m.Live, Now: now, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test
	if _, err := d.sql.ExecContext(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	prepare(t, d, checkPostgresSQL)
	const useless = "tokens_by_machine"
	if !strings.Contains(keptPlan(t, d, checkPostgresSQL), useless) {
		t.Fatal("the planner has become wiser, and this test says nothing")
	}
	population(t, openHot(t, url, Options{}), 5000, 4)
	if !strings.Contains(keptPlan(t, d, checkPostgresSQL), useless) {
		t.Fatal("the plan was not kept, and this test says nothing")
	}
	age.Add(int64(youngestPlans))
	if plan := keptPlan(t, d, checkPostgresSQL); strings.Contains(plan, useless) {
		t.Errorf("still reads all of an index:\n%s", plan)
	}
}

// statements counts what goes to PostgreSQL.
type statements struct {
	mu   sync.Mutex
	seen []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.SQL != "DISCARD PLANS" { // the pool's own, now and then
		s.seen = append(s.seen, q.SQL)
	}
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, "batch")
	return ctx
}

func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func TestAHotCallIsOneRoundTrip(t *testing.T) {
	seen := new(statements)
	d := openHot(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync), Options{Writers: 1, tracer: seen})
	checks := population(t, d, 1000, 4)
	fingerprint := checks[0].Token.Hash
	for name, c := range map[string]struct {
		want int
		call func() error
	}{
		"check": {1, func() error { _, err := d.CheckTokens(t.Context(), checks[:128]); return err }},
		"record": {1, func() error {
			_, err := d.RecordTokens(t.Context(), []tokens.NewRecord{newToken("x"), newToken("y")})
			return err
		}},
		"callers": {1, func() error {
			_, err := d.Callers(t.Context(), []secret.Hash{checks[0].Caller, checks[1].Caller})
			return err
		}},
		"reuse, missed": {2, func() error {
			n := newToken("z")
			n.Reuse = &tokens.Reusable{Fingerprint: fingerprint, Sealed: secret.Sealed{Version: "v", Bytes: []byte{1}}}
			_, _, _, err := d.ReuseToken(t.Context(), fingerprint, 0, func(context.Context) (tokens.NewRecord, error) { return n, nil })
			return err
		}},
	} {
		seen.seen = nil
		if err := c.call(); err != nil {
			t.Fatal(err)
		}
		if len(seen.seen) != c.want {
			t.Errorf("%s takes %d round trips: %q", name, len(seen.seen), seen.seen)
		}
	}
}

// newToken is a token of the first machine of a population.
func newToken(seed string) tokens.NewRecord {
	return tokens.NewRecord{
		Grant:  m2m.Grant{ID: m2m.NewTokenID(), Machine: "mch_000000000000000000000000000", ExpiresAt: time.Unix(1<<33, 0)},
		Format: m2m.Opaque, Hash: secret.HashOf(secret.Text(seed)), CreatedAt: time.Unix(1, 0),
	}
}

func TestAllocationsOfACheckAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		open  func(t *testing.T) *DB
		limit float64
	}{"sqlite": {oneWriter()["sqlite"], 32}, "postgres": {oneWriter()["postgres"], 16}} {
		t.Run(name, func(t *testing.T) {
			d := c.open(t)
			checks := population(t, d, 1000, 4)
			const batch = 128
			got := testing.AllocsPerRun(20, func() {
				if _, err := d.CheckTokens(t.Context(), checks[:batch]); err != nil {
					t.Fatal(err)
				}
			}) / batch
			t.Logf("%.1f allocations a check", got)
			if got > c.limit {
				t.Errorf("%.1f allocations a check, at most %.0f are allowed", got, c.limit)
			}
		})
	}
}
