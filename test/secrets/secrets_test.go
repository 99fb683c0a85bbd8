// Package secrets searches everything that the real server leaves behind, its database to the last byte and its logs, for
// credentials. There must be none (R7, R37, R61).
package secrets

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // reads the database file beside the server

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// R7, R37, R61
func TestPostgresAndLogsHoldNoCredential(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t) // durable: its write-ahead log is part of what is searched
	s := harness.New(t, database).Start(t)
	f := newFinder()
	story(t, s, f)

	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	openSealed(t, s, f, func(query string, row func(scan func(...any) error)) {
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			row(rows.Scan)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	})
	planted := plant(t, s)
	var dir string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CHECKPOINT"); err != nil { // writes every page to its file
		t.Fatal(err)
	}
	dump, err := exec.CommandContext(t.Context(), pgDump(t), "--dbname="+database).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	for _, secretText := range planted {
		if len(secretText.in(dump)) == 0 {
			t.Error("the dump does not show what was planted")
		}
		places := strings.Join(keysOf(secretText.inTree(t, dir)), "\n")
		for _, part := range []string{"/base/", "/pg_wal/"} {
			if !strings.Contains(places, part) {
				t.Errorf("%s does not show what was planted", part)
			}
		}
	}
	if names := f.in(dump); len(names) > 0 {
		t.Errorf("the dump holds %v", names)
	}
	none(t, f.inTree(t, filepath.Dir(dir))) // the server's own log lies beside its data
	searchLogs(t, s, f)
}

// R7, R37, R61
func TestSQLiteAndLogsHoldNoCredential(t *testing.T) {
	t.Parallel()
	database := harness.SQLite(t)
	s := harness.New(t, database, "DUALMINT_LOG_FORMAT=json").Start(t)
	f := newFinder()
	story(t, s, f)

	path := strings.TrimPrefix(database, "sqlite:")
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	openSealed(t, s, f, func(query string, row func(scan func(...any) error)) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			row(rows.Scan)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	})
	planted := plant(t, s)
	search := func(when string) {
		for _, p := range planted {
			if len(p.inTree(t, filepath.Dir(path))) == 0 {
				t.Errorf("%s, the database does not show what was planted", when)
			}
		}
		none(t, f.inTree(t, filepath.Dir(path)))
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("no write-ahead log to search: %v", err)
	}
	search("while it runs")
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	search("after its end")
	searchLogs(t, s, f)
}

// openSealed tells the finder what the sealed values of the database hold. What does not open is not what was promised.
func openSealed(t *testing.T, s *harness.Server, f *finder, each func(query string, row func(scan func(...any) error))) {
	t.Helper()
	sealer, err := secret.NewSealer(secret.Text(s.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	open := func(kind, query string, place func(id []byte) secret.Place) {
		each(query, func(scan func(...any) error) {
			var id []byte
			var sealed secret.Sealed
			if err := scan(&id, &sealed.Bytes, &sealed.Version); err != nil {
				t.Fatal(err)
			}
			plain, err := sealer.Open(place(id), sealed)
			if err != nil || len(plain) < 32 {
				t.Fatalf("%s: opens to %d bytes: %v", kind, len(plain), err)
			}
			found[kind]++
			if kind == "signing key" {
				f.binary(kind, plain)
			}
		})
	}
	open("signing key", "SELECT kid, sealed, key_version FROM signing_keys", func(id []byte) secret.Place {
		return keys.SealPlace(m2m.KeyID(id))
	})
	open("machine secret", "SELECT hash, sealed, key_version FROM machine_secrets", func(id []byte) secret.Place {
		return machines.SecretPlace(secret.Hash(id))
	})
	open("reusable token", "SELECT id, sealed, key_version FROM tokens WHERE sealed IS NOT NULL", func(id []byte) secret.Place {
		return tokens.ReusePlace(m2m.TokenID(id))
	})
	if found["signing key"] < 2 || found["machine secret"] < 2 || found["reusable token"] < 2 {
		t.Errorf("sealed values in the database: %v", found)
	}
}

// plant writes one text where a name may stand, as it is and in two encodings: whoever finds nothing must be able to find this.
func plant(t *testing.T, s *harness.Server) []*finder {
	t.Helper()
	var out []*finder
	for _, form := range []func(string) string{
		func(s string) string { return s }, toHex, toBase64,
	} {
		value := secret.New(secret.MachineSecret).Reveal()
		f := newFinder()
		f.text("planted", value)
		s.NewMachine(t, form(value))
		out = append(out, f)
	}
	return out
}

// searchLogs searches the process's output, and proves that it would find something by looking for what stands there.
func searchLogs(t *testing.T, s *harness.Server, f *finder) {
	t.Helper()
	log := s.Logs(t)
	if names := f.in(log); len(names) > 0 {
		t.Errorf("the log holds %v", names)
	}
	public := newFinder()
	public.needle("route", []byte("/v1/m2m_tokens/verify"))
	if len(public.in(log)) == 0 || len(log) < 10<<10 {
		t.Errorf("a log of %d bytes that names no route is no log to search", len(log))
	}
}

func none(t *testing.T, found map[string][]string) {
	t.Helper()
	for path, names := range found {
		t.Errorf("%s holds %v", filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), names)
	}
}

func keysOf(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// pgDump finds the newest pg_dump, which reads every older server.
func pgDump(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		found = append(found, filepath.Join(dir, "pg_dump"))
	}
	if path, err := exec.LookPath("pg_dump"); err == nil && len(found) == 0 {
		found = []string{path}
	}
	if len(found) == 0 {
		t.Fatal("pg_dump is missing: run `make test`, which installs PostgreSQL")
	}
	return found[len(found)-1]
}
