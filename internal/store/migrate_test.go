package store

import (
	"context"
	"database/sql"
	"fmt"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

func TestMigrateTwiceIsMigrateOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": pgtest.URL(t, pgtest.NoSync)} {
		t.Run(name, func(t *testing.T) {
			d := open(t, url)
			have, want, err := d.SchemaVersion(t.Context())
			if have != 0 || want < 1 || err != nil {
				t.Fatalf("empty: version %d of %d, %v", have, want, err)
			}
			for range 2 {
				if err := d.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if have, _, err := d.SchemaVersion(t.Context()); have != want || err != nil {
					t.Fatalf("migrated: version %d of %d, %v", have, want, err)
				}
			}
		})
	}
}

func TestReplicasMigrateAtTheSameTime(t *testing.T) {
	url := pgtest.URL(t, pgtest.NoSync)
	var replicas sync.WaitGroup
	for range 6 {
		d := open(t, url)
		replicas.Go(func() {
			if err := d.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
}

func TestNewerSchemaIsRefused(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			_, want, err := d.SchemaVersion(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			insert := fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, true)", versionTable, want+1)
			if _, err := d.sql.ExecContext(t.Context(), insert); err != nil {
				t.Fatal(err)
			}
			err = d.Migrate(t.Context())
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("schema version %d and this binary knows %d", want+1, want)) {
				t.Errorf("a newer schema: %v", err)
			}
		})
	}
}

func TestBothSchemasAreTheSame(t *testing.T) {
	describe := map[string]string{
		"sqlite": `SELECT m.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c."notnull" THEN ' not null' ELSE '' END
			FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> ?`,
		"postgres": `SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> ?`,
	}
	indexes := map[string]string{
		"sqlite": `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name <> ?`,
		"postgres": `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname !~ '_(pkey|key)$' AND indexdef !~ 'USING hash'
			AND tablename <> ?`, // SQLite has no hash indexes
	}
	types := strings.NewReplacer("bigint", "integer", "smallint", "integer", "bytea", "blob")
	schemas := map[string][]string{}
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			for _, query := range []string{describe[d.dialect.name], indexes[d.dialect.name]} {
				var lines []string
				if err := d.gorm.Raw(query, versionTable).Find(&lines).Error; err != nil {
					t.Fatal(err)
				}
				for _, line := range lines {
					// A row id is never null, and says so on PostgreSQL alone.
					line = strings.Replace(types.Replace(line), "audit.id integer not null", "audit.id integer", 1)
					schemas[d.dialect.name] = append(schemas[d.dialect.name], line)
				}
			}
			slices.Sort(schemas[d.dialect.name])
		})
	}
	if len(schemas["sqlite"]) < 50 {
		t.Fatal("too little was read:", schemas["sqlite"])
	}
	if diff := cmp.Diff(schemas["sqlite"], schemas["postgres"]); diff != "" {
		t.Error(diff)
	}
}

// R63
func TestAuditIsAppendOnly(t *testing.T) {
	attempts := map[string][]string{
		"sqlite": {"INSERT OR REPLACE INTO audit (id, at, actor_kind, address, trace_id, action, target, details) SELECT id, 2, actor_kind, '', '', '', '', '' FROM audit"},
		"postgres": {
			"TRUNCATE audit", "INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET at = 2",
		},
	}
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			exec := func(sql string) error {
				_, err := d.sql.ExecContext(t.Context(), sql)
				return err
			}
			for range 2 {
				if err := exec("INSERT INTO audit (at, actor_kind, address, trace_id, action, target, details) VALUES (1, 'system', '', '', '', '', '')"); err != nil {
					t.Fatal(err)
				}
			}
			for _, sql := range append(attempts[d.dialect.name], "UPDATE audit SET at = 2", "DELETE FROM audit", "DELETE FROM audit WHERE id = 1") {
				if err := exec(sql); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: %v", sql, err)
				}
			}
			var n int
			if err := d.sql.QueryRowContext(t.Context(), "SELECT count(*) FROM audit WHERE at = 1").Scan(&n); n != 2 || err != nil {
				t.Errorf("%d entries are as they were, %v", n, err)
			}
		})
	}
}

// R58: an upgrade under load makes nobody wait for a second, and fails for nobody.
func TestTheMigrationOfHotTablesGoesBetweenTransactions(t *testing.T) {
	url := pgtest.URL(t)
	d := openHot(t, url, Options{})
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	checks := population(t, d, 2000, 8)
	h := hot(t, d)
	h.Exec("ALTER TABLE tokens ADD CONSTRAINT tokens_machine_id_fkey FOREIGN KEY (machine_id) REFERENCES machines (id), " +
		"ADD CONSTRAINT tokens_key_id_fkey FOREIGN KEY (key_id) REFERENCES signing_keys (kid)")
	h.Exec("ALTER TABLE usage ADD CONSTRAINT usage_hour_check CHECK (hour % 3600000 = 0), ADD CONSTRAINT usage_operation_check CHECK (operation <> ''), " +
		"ADD CONSTRAINT usage_format_check CHECK (format <> ''), ADD CONSTRAINT usage_count_check CHECK (count > 0)")
	h.Exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tokens_by_hash'::regclass") // as a build that was broken off leaves it
	h.Exec("DELETE FROM " + versionTable + " WHERE version_id >= 8")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	for n := range 4 {
		load.Go(func() {
			for i := n; ctx.Err() == nil; i++ {
				at := i * 37 % (len(checks) - 32)
				begun := time.Now()
				_, err := d.CheckTokens(context.WithoutCancel(ctx), checks[at:at+32])
				if took := time.Since(begun); err != nil || took > 900*time.Millisecond {
					t.Errorf("a check during the migration: %s, %v", took, err)
					return
				}
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			n := tokens.NewRecord{
				Grant:  m2m.Grant{ID: m2m.NewTokenID(), Machine: "mch_000000000000000000000000001", IssuedAt: time.Unix(1, 0), ExpiresAt: time.Unix(1<<33, 0)},
				Format: m2m.Opaque, CreatedAt: time.Unix(1, 0),
			}
			n.Hash = secret.HashOf(secret.Text(n.Grant.ID))
			if errs, err := d.RecordTokens(context.WithoutCancel(ctx), []tokens.NewRecord{n}); err != nil || errs[0] != nil {
				t.Errorf("a creation during the migration: %v, %v", errs, err)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	err := open(t, url).Migrate(t.Context())
	stop()
	load.Wait()
	if err != nil {
		t.Error(err)
	}
	if n := h.Int("SELECT count(*) FROM pg_constraint WHERE conrelid = 'tokens'::regclass AND contype = 'f' OR conrelid = 'usage'::regclass AND contype = 'c'"); n != 0 {
		t.Errorf("%d constraints are left", n)
	}
	if n := h.Int("SELECT count(*) FROM pg_index WHERE indexrelid = 'tokens_by_hash'::regclass AND indisvalid"); n != 1 {
		t.Error("the index by hash is not good")
	}
}

// What somebody's long transaction holds up is waited for, whatever the address allows a statement; and what is built is not built again.
func TestAnIndexIsBuiltOnceHoweverLongItTakes(t *testing.T) {
	url := pgtest.URL(t, pgtest.NoSync)
	h := hot(t, migrated(t, url))
	number := func() int64 {
		return h.Int("SELECT indexrelid::bigint FROM pg_index WHERE indexrelid = 'tokens_by_hash'::regclass")
	}
	first := number()
	h.Exec("DELETE FROM " + versionTable + " WHERE version_id >= 9")
	if err := open(t, url).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := number(); got != first {
		t.Errorf("index %d was built in place of %d", got, first)
	}

	h.Exec("DROP INDEX tokens_by_hash")
	h.Exec("DELETE FROM " + versionTable + " WHERE version_id >= 9")
	const allowed = 200 * time.Millisecond
	address, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	query.Set("statement_timeout", fmt.Sprint(allowed.Milliseconds()))
	query.Set("lock_timeout", fmt.Sprint(allowed.Milliseconds()))
	address.RawQuery = query.Encode()
	other, err := open(t, url).sql.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback() //nolint:errcheck // its end is all that matters
	if _, err := other.ExecContext(t.Context(), "SELECT count(*) FROM machines"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*allowed, func() { _ = other.Rollback() })
	if err := open(t, address.String()).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if number() == 0 {
		t.Error("there is no index")
	}
}
