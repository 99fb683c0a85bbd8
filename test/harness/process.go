package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyWithin = 30 * time.Second
	stopWithin  = 15 * time.Second
	pollEvery   = 10 * time.Millisecond
)

// Process is a program that runs until it is stopped by its id: ours, or somebody else's that stands before or behind ours.
type Process struct {
	LogPath string // standard output and standard error together

	name    string
	process *os.Process
	ended   chan struct{} // closed when the process is gone
	exit    error         // what it ended with; read only after ended
	killed  bool          // by the test itself
}

// Launch starts a program in the foreground, in a directory and with an environment of the caller's choice, and waits until it is ready,
// which ready tells. Whoever launches it stops it.
func Launch(tb testing.TB, dir string, env []string, ready func(ctx context.Context) bool, name string, args ...string) *Process {
	tb.Helper()
	p := &Process{name: filepath.Base(name), LogPath: filepath.Join(tb.TempDir(), "log"), ended: make(chan struct{})}
	log, err := os.Create(p.LogPath)
	if err != nil {
		tb.Fatalf("make the log: %v", err)
	}
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // G204: a test says what it runs
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	if err := p.launch(cmd, log); err != nil {
		tb.Fatalf("start %s: %v", p.name, err)
	}
	if why := p.await(tb.Context(), ready); why != "" {
		_ = p.Stop()
		tb.Fatalf("%s %s\n%s", p.name, why, p.LogTail())
	}
	return p
}

// launch starts the process from a thread that lives as long as the process: the signal that ties it to its parent is tied
// to the parent's thread.
func (p *Process) launch(cmd *exec.Cmd, log *os.File) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		p.process = cmd.Process
		started <- err
		if err == nil {
			p.exit = cmd.Wait()
		}
		_ = log.Close()
		close(p.ended)
	}()
	return <-started
}

// await waits until the process is ready, or says why it never will be.
func (p *Process) await(ctx context.Context, ready func(ctx context.Context) bool) string {
	deadline := time.After(readyWithin)
	for {
		if ready(ctx) {
			return ""
		}
		select {
		case <-p.ended:
			return fmt.Sprintf("ended before it was ready: %v", p.exit)
		case <-deadline:
			return fmt.Sprintf("was not ready within %v", readyWithin)
		case <-time.After(pollEvery):
		}
	}
}

// Stop ends the process with SIGTERM and tells how it went. A process that does not obey is killed, which is an error.
func (p *Process) Stop() error {
	_ = p.process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return p.exit
	case <-time.After(stopWithin):
	}
	_ = p.process.Kill()
	<-p.ended
	return fmt.Errorf("did not stop within %v of SIGTERM", stopWithin)
}

// Kill ends the process without a word. The test's end then expects nothing of it.
func (p *Process) Kill() {
	p.killed = true
	_ = p.process.Kill()
	<-p.ended
}

// Logs is everything that the process has written.
func (p *Process) Logs(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(p.LogPath)
	if err != nil {
		tb.Fatalf("read the log: %v", err)
	}
	return b
}

// LogTail is what the process complained about and its last lines, for messages.
func (p *Process) LogTail() string {
	b, err := os.ReadFile(p.LogPath)
	if err != nil {
		return err.Error()
	}
	const enough = 10
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := lines[max(0, len(lines)-enough):]
	complaints := slices.DeleteFunc(lines[:len(lines)-len(last)], func(line string) bool {
		return strings.Contains(line, "INFO") || strings.Contains(line, "DEBUG")
	})
	complaints = complaints[max(0, len(complaints)-enough):]
	return strings.Join(append(complaints, last...), "\n")
}
