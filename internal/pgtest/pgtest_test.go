package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/dualmint/dualmint/internal/pgtest"
)

// printURL makes this test binary print the address of a database and then wait for its standard input to end or for a kill.
const printURL = "PGTEST_PRINT_URL"

func TestMain(m *testing.M) {
	if os.Getenv(printURL) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	os.Exit(m.Run())
}

func query[T any](t *testing.T, url, sql string) (out T, err error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return out, err
	}
	defer func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	err = conn.QueryRow(t.Context(), sql).Scan(&out)
	return out, err
}

func run(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func mustQuery[T any](t *testing.T, url, sql string) T {
	t.Helper()
	out, err := query[T](t, url, sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryTestGetsADatabaseOfItsOwn(t *testing.T) {
	a, b := pgtest.URL(t), pgtest.URL(t)
	if a == b {
		t.Fatal("two tests share", a)
	}
	if err := run(t.Context(), a, "CREATE TABLE t (n int)"); err != nil {
		t.Fatal(err)
	}
	if mustQuery[bool](t, b, "SELECT to_regclass('t') IS NOT NULL") {
		t.Error("a table of one database is seen in another")
	}
	if got := mustQuery[string](t, a, "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %q without a wish", got)
	}
}

func TestNoSyncIsAnotherServer(t *testing.T) {
	if got := mustQuery[string](t, pgtest.URL(t, pgtest.NoSync), "SHOW fsync"); got != "off" {
		t.Errorf("fsync is %q", got)
	}
}

func TestTCPNeedsThePassword(t *testing.T) {
	url := pgtest.URL(t, pgtest.TCP, pgtest.NoSync)
	if !strings.Contains(url, "@127.0.0.1:") {
		t.Fatal("no loopback address in", url)
	}
	if got := mustQuery[int](t, url, "SELECT 1"); got != 1 {
		t.Error(got)
	}
	before, rest, _ := strings.Cut(url, "@")
	if _, err := query[int](t, before+"x@"+rest, "SELECT 1"); err == nil {
		t.Error("a wrong password is let in")
	}
}

func TestTemplateIsMigratedOnceAndCopied(t *testing.T) {
	runs := 0
	migrate := func(url string) error {
		runs++
		return run(t.Context(), url, "CREATE TABLE t AS SELECT 7 AS n")
	}
	for range 3 {
		if got := mustQuery[int](t, pgtest.FromTemplate(t, migrate, pgtest.NoSync), "SELECT n FROM t"); got != 7 {
			t.Error(got)
		}
	}
	if runs != 1 {
		t.Errorf("migrated %d times", runs)
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) { url = pgtest.URL(t, pgtest.NoSync) })
	if _, err := query[int](t, url, "SELECT 1"); err == nil {
		t.Error("the database is still there")
	}
}

func TestPrintURLForAnotherProcess(t *testing.T) {
	if os.Getenv(printURL) == "" {
		return // the other half of the test below
	}
	if _, err := os.Stdout.WriteString("URL " + pgtest.URL(t, pgtest.NoSync) + "\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestServerIsGoneWhenTheTestProcessIsKilled(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPrintURLForAnotherProcess$", "-test.v")
	cmd.Env = append(os.Environ(), printURL+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var url string
	for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "URL ")
	}
	if url == "" {
		t.Fatal("the other process gave no URL")
	}
	if got := mustQuery[int](t, url, "SELECT 1"); got != 1 {
		t.Fatal("another process cannot reach it")
	}
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: what it says is known
	for range 200 {
		if _, err := os.Stat(conf.Host); errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(50 * time.Millisecond) // another process ends: nothing tells us when
	}
	t.Error("the directory of the server is still there:", conf.Host)
}

func TestAClusterKeepsWhatItCommitsAndLeavesNothing(t *testing.T) {
	c, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{"socket": c.Socket("one"), "tcp": c.TCP("one")} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			var value string
			if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value); err != nil || value != "on" {
				t.Errorf("%s: %s is %q, %v", name, setting, value, err)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
