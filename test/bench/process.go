package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 30 * time.Second
	stopWithin  = 15 * time.Second
)

// settings are NAME=value pairs of the command line.
type settings []string

// String satisfies flag.Value.
func (s *settings) String() string { return strings.Join(*s, " ") }

// Set satisfies flag.Value.
func (s *settings) Set(v string) error {
	if !strings.Contains(v, "=") {
		return errors.New("must be NAME=value")
	}
	*s = append(*s, v)
	return nil
}

// process is a running contestant.
type process struct {
	addr  string
	cmd   *exec.Cmd
	log   bytes.Buffer
	ended chan struct{}
	exit  error
}

// build makes the binary as a release is made, unless one was made beforehand.
func build(ctx context.Context, dir string) (string, error) {
	if made := os.Getenv("DUALMINT_TEST_BINARY"); made != "" {
		return made, nil
	}
	const module = "github.com/dualmint/dualmint"
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	path := filepath.Join(dir, "dualmint")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "nomsgpack", "-pgo=cmd/dualmint/cpu.pgo", "-trimpath", "-o", path, module+"/cmd/dualmint") //nolint:gosec // G204: our own program
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// start runs a program from a thread that lives as long as the program: what ties it to its parent is tied to the parent's thread.
func (p *process) start() error {
	p.ended = make(chan struct{})
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = diesWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.exit = p.cmd.Wait()
		}
		close(p.ended)
	}()
	return <-started
}

// stop ends it, by its process id.
func (p *process) stop() error {
	defer p.complain()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopWithin):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	return fmt.Errorf("process %d did not stop", p.cmd.Process.Pid)
}

// complain shows what it wrote about what went wrong, and the end of it at that.
func (p *process) complain() {
	lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "WARN") && !strings.Contains(l, "ERROR") })
	for _, l := range lines[max(0, len(lines)-5):] {
		_, _ = fmt.Fprintln(os.Stderr, l)
	}
}

// startEcho runs this program as the echo.
func startEcho(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, echoArgument)} //nolint:gosec // G204: this program
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // was read
	p.cmd.Stdout = in
	err = p.start()
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.addr = strings.TrimSpace(line)
	return p, nil
}

// startServer runs ours on a database, with neither rate limits nor request logs.
func startServer(ctx context.Context, binary, dir string, f *fixture, env ...string) (*process, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{addr: addr, cmd: exec.CommandContext(context.WithoutCancel(ctx), binary, "serve")}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"DUALMINT_ADDR=" + addr,
		"DUALMINT_DATABASE_URL=" + f.database,
		"DUALMINT_ISSUER=" + f.issuer,
		"DUALMINT_MASTER_KEY=" + f.master.Reveal(),
		"DUALMINT_SECRET_KEY=" + f.instance.Reveal(),
		"DUALMINT_RATE_PER_CREDENTIAL=0", "DUALMINT_RATE_PER_ADDRESS=0", "DUALMINT_LOG_REQUESTS=off",
	}, env...)
	if err := p.start(); err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, p.stop(), errors.New(p.log.String()))
	}
	return p, nil
}

func (p *process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended before it was ready: %w", p.exit)
		case <-ctx.Done():
			return errors.New("not ready in time")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
