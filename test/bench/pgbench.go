package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/dualmint/dualmint/internal/pgtest"
)

// insertScript is one token in one transaction: as many columns and the same indexes as ours, and nothing billed.
const insertScript = `\set a random(1, 1000000000)
\set b random(1, 1000000000)
INSERT INTO bench_tokens (id, hash, format, machine_id, scopes, issued_at, expires_at, created_at, updated_at)
VALUES ('mt_' || lpad(:a::text, 16, '0') || lpad(:b::text, 16, '0'), sha256((:a::text || ' ' || :b::text)::bytea), 'opaque',
        'mch_000000000000000000000000001', 'mch_000000000000000000000000002 mch_000000000000000000000000003', 1, 2000000000000, 1, 1);
`

// pgbench measures what PostgreSQL does for its own client.
type pgbench struct {
	cluster *pgtest.Cluster
	script  string
}

// preparePgbench makes the tables: pgbench's own of 100,000 rows, and one like that of our tokens, without its references.
func preparePgbench(ctx context.Context, c *pgtest.Cluster, dir string) (*pgbench, error) {
	p := &pgbench{cluster: c, script: filepath.Join(dir, "insert.sql")}
	if err := os.WriteFile(p.script, []byte(insertScript), 0o600); err != nil {
		return nil, err
	}
	if err := c.Create(ctx, "pgbench"); err != nil {
		return nil, err
	}
	if _, err := p.run(ctx, "pgbench", "-i", "-q", "-s", "1"); err != nil {
		return nil, err
	}
	return p, c.Exec(ctx, ourDatabase, "CREATE TABLE bench_tokens (LIKE tokens INCLUDING ALL)")
}

// selects is one-row look-ups, as pgbench -S does them.
func (p *pgbench) selects(ctx context.Context, clients int, span time.Duration) (result, error) {
	return p.rate(ctx, "pgbench", span, clients, "-S")
}

// inserts is one token per transaction.
func (p *pgbench) inserts(ctx context.Context, clients int, span time.Duration) (result, error) {
	return p.rate(ctx, ourDatabase, span, clients, "-f", p.script)
}

func (p *pgbench) rate(ctx context.Context, database string, span time.Duration, clients int, what ...string) (result, error) {
	seconds := max(int(span.Round(time.Second)/time.Second), 2) // pgbench knows no fractions, and takes a while to connect
	out, err := p.run(ctx, database, append(what, "-n", "-M", "prepared", "-j", "2", "-c", strconv.Itoa(clients), "-T", strconv.Itoa(seconds))...)
	if err != nil {
		return result{}, err
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		return result{}, fmt.Errorf("pgbench said nothing of its rate: %s", out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	return result{rate: rate}, err
}

func (p *pgbench) run(ctx context.Context, database string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.cluster.Bin, "pgbench"), append(args, p.cluster.TCP(database))...) //nolint:gosec // G204: PostgreSQL's own program
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	return out, nil
}
