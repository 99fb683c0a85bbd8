//go:build faults

package faults

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/test/harness"
)

// I5: with two processes on one PostgreSQL, and with one on SQLite, no verification is answered from the past: not after a revocation, not
// after a scope was taken, and not after it was given back.
func TestEveryHistoryCouldHaveHappenedOneAfterTheOther(t *testing.T) {
	t.Run("postgres, two processes", func(t *testing.T) {
		d := harness.New(t, pgtest.URL(t), quietly...)
		judge(t, []*harness.Server{d.Start(t), d.Start(t)})
	})
	t.Run("sqlite, one process", func(t *testing.T) {
		judge(t, []*harness.Server{harness.New(t, harness.SQLite(t), quietly...).Start(t)})
	})
}

func judge(t *testing.T, at []*harness.Server) {
	t.Helper()
	began := time.Now()
	var operations, good, meanwhile int
	for range *rounds {
		list := (&contest{at: at}).run(t)
		if !possible(t, list) {
			t.Fatalf("a verification was answered from the past:\n%v", list)
		}
		operations += len(list)
		good += valid(list)
		meanwhile += concurrent(list)
	}
	t.Logf("%d histories of %d operations in %v: %d verifications were under way during a change, %d said valid",
		*rounds, operations, time.Since(began).Round(time.Second), meanwhile, good)
	if meanwhile < *rounds || good < *rounds {
		t.Error("too little happened at the same time for this to prove anything")
	}
}

func valid(list []porcupine.Operation) (n int) {
	for _, o := range list {
		if o.Output.(bool) {
			n++
		}
	}
	return n
}

// concurrent counts the verifications that were under way at the same time as a change.
func concurrent(list []porcupine.Operation) (n int) {
	isVerify := func(o porcupine.Operation) bool { return o.Input.(operation).action == verify }
	for _, o := range list {
		if isVerify(o) && slices.ContainsFunc(list, func(c porcupine.Operation) bool {
			return !isVerify(c) && c.Call <= o.Return && o.Call <= c.Return
		}) {
			n++
		}
	}
	return n
}

// What holds on SQLite holds because it is one process: a second one is refused the file.
func TestASecondServerIsRefusedTheSameFile(t *testing.T) {
	d := harness.New(t, harness.SQLite(t))
	s := d.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	second := exec.CommandContext(ctx, os.Getenv(harness.BinaryVariable), "serve")
	second.Dir = t.TempDir()
	second.Env = []string{
		"DUALMINT_ADDR=127.0.0.1:0", "DUALMINT_DATABASE_URL=" + d.Database, "DUALMINT_ISSUER=" + d.Issuer,
		"DUALMINT_MASTER_KEY=" + d.MasterKey, "DUALMINT_SECRET_KEY=" + d.InstanceKey,
	}
	var said bytes.Buffer
	second.Stdout, second.Stderr = &said, &said
	if err := second.Run(); err == nil || ctx.Err() != nil || !strings.Contains(said.String(), "another process has") {
		t.Fatalf("it ended with %v and said: %s", err, said.String())
	}
	s.NewMachine(t, "still served")
}
