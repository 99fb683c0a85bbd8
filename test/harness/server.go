package harness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
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

// Server is one running process.
type Server struct {
	API
	*Deployment
	LogPath string // standard output and standard error together

	process *os.Process
	ended   chan struct{} // closed when the process is gone
	exit    error         // what it ended with; read only after ended
	killed  bool          // by the test itself
}

// Start starts a process and waits until it is ready. The test's end stops it.
func (d *Deployment) Start(tb testing.TB) *Server {
	tb.Helper()
	addr := d.addr
	if d.addr = ""; addr == "" {
		addr = freeAddress(tb)
	}
	s := &Server{
		API:        newAPI("http://" + addr),
		Deployment: d,
		LogPath:    filepath.Join(tb.TempDir(), "log"),
		ended:      make(chan struct{}),
	}
	log, err := os.Create(s.LogPath)
	if err != nil {
		tb.Fatalf("make the log: %v", err)
	}
	cmd := exec.CommandContext(context.Background(), os.Getenv(BinaryVariable), "serve") //nolint:gosec // G204: the binary under test
	cmd.Dir = d.dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + d.dir,
		"DUALMINT_ADDR=" + addr,
		"DUALMINT_DATABASE_URL=" + d.Database,
		"DUALMINT_ISSUER=" + d.Issuer,
		"DUALMINT_MASTER_KEY=" + d.MasterKey,
		"DUALMINT_SECRET_KEY=" + d.InstanceKey,
		"DUALMINT_LOG_LEVEL=debug",
	}, d.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	if err := s.launch(cmd, log); err != nil {
		tb.Fatalf("start dualmint: %v", err)
	}
	tb.Cleanup(func() { s.finish(tb) })
	s.awaitReady(tb)
	return s
}

// launch starts the process from a thread that lives as long as the process: the signal that ties it to its parent is tied
// to the parent's thread.
func (s *Server) launch(cmd *exec.Cmd, log *os.File) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			s.exit = cmd.Wait()
		}
		_ = log.Close()
		close(s.ended)
	}()
	return <-started
}

func (s *Server) awaitReady(tb testing.TB) {
	tb.Helper()
	deadline := time.After(readyWithin)
	for {
		if r, err := s.try(tb.Context(), http.MethodGet, "/readyz", "", nil); err == nil && r.Status == http.StatusOK {
			return
		}
		select {
		case <-s.ended:
			tb.Fatalf("dualmint ended before it was ready: %v\n%s", s.exit, s.logTail())
		case <-deadline:
			tb.Fatalf("dualmint was not ready within %v\n%s", readyWithin, s.logTail())
		case <-time.After(pollEvery):
		}
	}
}

// Stop ends the process with SIGTERM and tells how it went. A process that does not obey is killed, which is an error.
func (s *Server) Stop() error {
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return s.exit
	case <-time.After(stopWithin):
	}
	_ = s.process.Kill()
	<-s.ended
	return fmt.Errorf("did not stop within %v of SIGTERM", stopWithin)
}

// Kill ends the process without a word. The test's end then expects nothing of it.
func (s *Server) Kill() {
	s.killed = true
	_ = s.process.Kill()
	<-s.ended
}

// Logs is everything that the process has written.
func (s *Server) Logs(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(s.LogPath)
	if err != nil {
		tb.Fatalf("read the log: %v", err)
	}
	return b
}

// finish stops the process and holds it to what every test expects of every process: it stops when told to, and has not
// panicked.
func (s *Server) finish(tb testing.TB) {
	tb.Helper()
	if err := s.Stop(); err != nil && !s.killed {
		tb.Errorf("dualmint ended badly: %v", err)
	}
	if bytes.Contains(s.Logs(tb), []byte("panic")) {
		tb.Errorf("dualmint panicked")
	}
	if tb.Failed() {
		tb.Logf("the end of %s's log:\n%s", s.Base, s.logTail())
	}
}

// logTail is what the process complained about and its last lines, for messages.
func (s *Server) logTail() string {
	b, err := os.ReadFile(s.LogPath)
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
