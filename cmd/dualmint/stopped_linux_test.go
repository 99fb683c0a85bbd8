package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
)

// A PostgreSQL that is stopped in the middle of everything (a paused machine, a network that swallows packets) holds nobody up for
// long: every kind of request is told to come back, and works again when it goes on.
func TestStoppedDatabaseHoldsNobodyUp(t *testing.T) {
	const patience = 7 * time.Second
	cluster, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close() }()
	if err := cluster.Create(t.Context(), "dualmint"); err != nil {
		t.Fatal(err)
	}
	server, err := cluster.PID()
	if err != nil {
		t.Fatal(err)
	}
	addr, key := freeAddress(t), secret.New(secret.InstanceKey)
	log := new(shared)
	p := &program{
		environ: []string{
			"DUALMINT_ADDR=" + addr, "DUALMINT_ISSUER=http://" + addr, "DUALMINT_DATABASE_URL=" + cluster.TCP("dualmint"),
			"DUALMINT_MASTER_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "DUALMINT_SECRET_KEY=" + key.Reveal(),
		},
		dir: t.TempDir(), in: strings.NewReader(""), out: io.Discard, err: log, now: time.Now,
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, []string{"serve"}) }()
	for deadline := time.Now().Add(20 * time.Second); p.run(t.Context(), []string{"healthcheck"}) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready:\n%s", log)
		}
	}
	machines := (&process{program: p}).pair(t)

	requests := [][4]string{
		{"POST", tokensPath + "/mt_0123456789abcdef0123456789abcdef/revoke", key.Reveal(), "{}"},
		{"POST", tokensPath + "/verify", machines.credential.Reveal(), `{"token":"x"}`},
		{"POST", tokensPath + "/verify", machines.credential.Reveal(), `{"naem":"x"}`},
		{"POST", tokensPath, machines.credential.Reveal(), "{}"},
		{"POST", tokensPath, machines.credential.Reveal(), `{"min_remaining_ttl_seconds":1}`},
		{"GET", machinesPath, key.Reveal(), ""},
		{"POST", machinesPath, key.Reveal(), `{"name":"x"}`},
		{"GET", "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z", key.Reveal(), ""},
		{"GET", "/v1/audit", key.Reveal(), ""},
		{"GET", "/readyz", "", ""},
	}
	ask := func(r [4]string) (int, time.Duration) {
		req, err := http.NewRequest(r[0], "http://"+addr+r[1], bytes.NewReader([]byte(r[3])))
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+r[2])
		start := time.Now()
		resp, err := (&http.Client{Timeout: 3 * patience}).Do(req)
		if err != nil {
			t.Error(r[0], r[1], err)
			return 0, time.Since(start)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, time.Since(start)
	}
	signalAll(t, server, syscall.SIGSTOP)
	var all sync.WaitGroup
	for range 3 { // more of them than the pool has connections
		for _, r := range requests {
			all.Go(func() {
				status, took := ask(r)
				if status != 503 && !strings.Contains(r[3], "naem") || took > patience {
					t.Errorf("%s %s: %d after %v", r[0], r[1], status, took)
				}
			})
		}
	}
	all.Wait()
	signalAll(t, server, syscall.SIGCONT)
	for deadline := time.Now().Add(20 * time.Second); p.run(t.Context(), []string{"healthcheck"}) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not ready after the database went on")
		}
	}
	if status, _ := ask(requests[3]); status != 201 {
		t.Errorf("a creation afterwards: %d", status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// signalAll goes to a PostgreSQL and to all its processes.
func signalAll(t *testing.T, server int, s syscall.Signal) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", server, server))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(strings.Fields(string(children)), fmt.Sprint(server)) {
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(n, s) // one that has just ended needs no signal
	}
}
