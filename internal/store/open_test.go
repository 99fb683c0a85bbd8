package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a database without a schema, and closes it with the test.
func open(t *testing.T, url string) *DB {
	t.Helper()
	d, err := Open(t.Context(), Options{URL: url, ScopeRule: m2m.Live, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func sqliteURL(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "dualmint.db")
}

// migrated opens a database with the schema.
func migrated(t *testing.T, url string) *DB {
	t.Helper()
	d := open(t, url)
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// migrateURL makes the template that tests on PostgreSQL copy.
func migrateURL(url string) error {
	d, err := Open(context.Background(), Options{URL: url, ScopeRule: m2m.Live, Now: time.Now})
	if err != nil {
		return err
	}
	return errors.Join(d.Migrate(context.Background()), d.Close())
}

// both opens either database, migrated: for name, open := range both() { t.Run(name, ...) }.
func both() map[string]func(t *testing.T) *DB {
	return map[string]func(t *testing.T) *DB{
		"sqlite":   func(t *testing.T) *DB { t.Helper(); return migrated(t, sqliteURL(t)) },
		"postgres": func(t *testing.T) *DB { t.Helper(); return open(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync)) },
	}
}

func TestSQLiteBelongsToOneProcess(t *testing.T) {
	url := sqliteURL(t)
	first := open(t, url)
	_, err := Open(t.Context(), Options{URL: url, ScopeRule: m2m.Live, Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(url, "sqlite:")+".lock") {
		t.Fatalf("a second one is let in, or not told why: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(strings.TrimPrefix(url, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{URL: "sqlite:" + link, ScopeRule: m2m.Live, Now: time.Now}); err == nil {
		t.Fatal("a second one is let in by another name")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, url)
}

func TestSQLiteFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	migrated(t, "sqlite:"+filepath.Join(dir, "dual mint?#%41.db"))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 { // the database, its WAL, its index of the WAL, the lock
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// As after a crash, or a copy made with another umask.
func TestSQLiteFilesThatAreThereAlreadyBecomeTheOwnersAlone(t *testing.T) {
	url := sqliteURL(t)
	path := strings.TrimPrefix(url, "sqlite:")
	names := []string{path, path + "-wal", path + "-shm", path + "-journal", path + ".lock"}
	for _, name := range names {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := prepareFile(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestAChangedInstanceKeyIsToldToTheLog(t *testing.T) {
	var log bytes.Buffer
	d, err := Open(t.Context(), Options{
		URL: sqliteURL(t), ScopeRule: m2m.Live, Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.SetInstanceKey(t.Context(), m2m.Actor{Kind: m2m.System}, secret.HashOf("sk_a")); !errors.Is(err, m2m.ErrNotFound) || log.Len() > 0 {
		t.Fatalf("without an instance: %v, %s", err, log.String())
	}
	r := instance.Record{ID: "ins_x", Issuer: "x", Canary: secret.Sealed{Version: "v", Bytes: []byte{1}}}
	if err := d.CreateInstance(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := d.SetInstanceKey(t.Context(), m2m.Actor{Kind: m2m.System}, secret.HashOf("sk_a")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "instance key") {
		t.Errorf("log: %q", log.String())
	}
}

func TestSQLiteSettingsHoldOnEveryConnection(t *testing.T) {
	d := open(t, sqliteURL(t))
	for range sqliteConns {
		c, err := d.sql.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "trusted_schema": "0",
			"journal_size_limit": "67108864",
		} {
			var got string
			if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
			}
		}
	}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	for _, url := range []string{
		"", "mysql://x", "sqlite:", "sqlite::memory:", "sqlite://data/x.db", "sqlite:" + t.TempDir(), "postgres://u:hunter2@h:bad/x",
		"postgres://u:hunter2@127.0.0.1:1/x", "postgres://u:hunter2@%zz/x",
	} {
		d, err := Open(t.Context(), Options{URL: url, ScopeRule: m2m.Live, Now: time.Now})
		if err == nil {
			t.Errorf("%q is opened", url)
			_ = d.Close()
			continue
		}
		if strings.Contains(err.Error(), "hunter2") { // R61
			t.Errorf("the password is shown: %v", err)
		}
	}
	if _, err := Open(t.Context(), Options{URL: sqliteURL(t), Now: time.Now}); err == nil {
		t.Error("opened without a scope rule")
	}
}

// R12: "cannot tell now" is one error, whatever the trouble.
func TestTroubleIsUnavailable(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := d.ClockSkew(ctx); !errors.Is(err, m2m.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := d.Ping(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
				t.Errorf("ping after close: %v", err)
			}
			if _, err := d.ClockSkew(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
				t.Errorf("clock after close: %v", err)
			}
			if _, _, err := d.SchemaVersion(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
				t.Errorf("version after close: %v", err)
			}
		})
	}
	_, err := Open(t.Context(), Options{URL: "postgres://u@127.0.0.1:1/x", ScopeRule: m2m.Live, Now: time.Now})
	if !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestClockSkewIsMeasured(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			d.now = func() time.Time { return time.Now().Add(-time.Hour) }
			skew, err := d.ClockSkew(t.Context())
			if err != nil || skew < time.Hour-2*time.Second || skew > time.Hour+2*time.Second {
				t.Errorf("an hour behind is measured as %v, %v", skew, err)
			}
		})
	}
}

// R61: neither errors nor logs hold what was written.
func TestFailedStatementsShowNoValues(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			var log bytes.Buffer
			g := d.gorm.Session(&gorm.Session{})
			g.Logger = gormLogger{slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			const hot = "hunter2"
			for _, sql := range []string{
				"INSERT INTO audit (at, actor_kind, address, trace_id, action, target, details) VALUES (1, ?, '', '', '', '', '')",
				"INSERT INTO writers (id, created_at) VALUES (?, NULL)",
				"INSERT INTO writers (id, created_at) VALUES ('x', CAST(? AS INTEGER) / (SELECT NULL WHERE 1 = 0))",
				"SELECT no_such_column FROM writers WHERE id = ?",
			} {
				err := outward("try", g.Exec(sql, hot).Error)
				if err == nil {
					t.Errorf("%s: no error", sql)
					continue
				}
				if strings.Contains(err.Error()+log.String(), hot) {
					t.Errorf("shown: %v %s", err, log.String())
				}
			}
		})
	}
}
