package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

// process is a server that runs as one, on a database in a directory of its own.
type process struct {
	*program
	base string
	cmd  *exec.Cmd
	log  *strings.Builder
}

func startProcess(t *testing.T, dir, addr string) *process {
	t.Helper()
	environ := []string{"DUALMINT_ADDR=" + addr, "PATH=" + os.Getenv("PATH")}
	cmd := exec.Command("dualmint", "serve") // testscript.Main puts it into the PATH
	p := &process{
		program: &program{environ: environ, dir: dir, in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: time.Now},
		base:    "http://" + addr, cmd: cmd, log: new(strings.Builder),
	}
	cmd.Dir, cmd.Env, cmd.Stderr = dir, environ, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if p.run(t.Context(), []string{"healthcheck"}) == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready")
		}
	}
}

// terminate sends SIGTERM; wait gives what the process ended with.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wait(t *testing.T) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, p.log)
	}
}

// pair registers two machines of which the first may call the second, and gives its secret.
func (p *process) pair(t *testing.T) *api {
	t.Helper()
	a, err := p.operator()
	if err != nil {
		t.Fatal(err)
	}
	var b, caller machine
	if _, err := a.post(t.Context(), machinesPath, map[string]any{"name": "B"}, &b); err != nil {
		t.Fatal(err)
	}
	if _, err := a.post(t.Context(), machinesPath, map[string]any{"name": "A", "scoped_machines": []string{b.ID}}, &caller); err != nil {
		t.Fatal(err)
	}
	return a.as(secret.Text(caller.SecretKey))
}

// A request of which the server has read a part is answered after SIGTERM, although nobody else is let in any more.
func TestRequestUnderWayAtSIGTERMIsAnswered(t *testing.T) {
	addr := freeAddress(t)
	p := startProcess(t, t.TempDir(), addr)
	a := p.pair(t)

	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const body = `{"token_format":"jwt"}`
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		tokensPath, a.credential.Reveal(), len(body))
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	// The server asks for the body: the handler has the request.
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.terminate(t)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break // the door is closed
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still listens")
		}
	}
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var created token
	if err := json.NewDecoder(resp.Body).Decode(&created); err != nil || resp.StatusCode != http.StatusCreated || created.Token == "" {
		t.Errorf("status %d, %v", resp.StatusCode, err)
	}
	p.wait(t)
}

// Under load: whoever was let in got a good answer, and what was answered is what was billed.
func TestSIGTERMUnderLoadLosesNothing(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	p := startProcess(t, dir, addr)
	a := p.pair(t)
	a.http.Transport = &http.Transport{MaxIdleConnsPerHost: 32}

	var acknowledged atomic.Int64
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			for {
				var created token
				_, err := a.post(context.Background(), tokensPath, map[string]any{}, &created)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return
				}
				if err != nil {
					t.Errorf("a request that was let in: %v", err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	for acknowledged.Load() < 200 {
		time.Sleep(time.Millisecond)
	}
	p.terminate(t)
	clients.Wait()
	p.wait(t)

	p = startProcess(t, dir, addr)
	operator, err := p.operator()
	if err != nil {
		t.Fatal(err)
	}
	var report usageReport
	if _, err := operator.get(t.Context(), "/v1/usage", p.usageQuery("", "", "day", ""), &report); err != nil {
		t.Fatal(err)
	}
	if report.Total != acknowledged.Load() {
		t.Errorf("%d acknowledged, %d billed", acknowledged.Load(), report.Total)
	}
	p.terminate(t)
	p.wait(t)
}
