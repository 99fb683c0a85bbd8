package readme

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// screen collects what a process prints while it runs.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// The first of the two commands: it shows the main job, goes on serving, stops when told to, and does the same once more on the
// same database.
func TestMakeRunShowsTheMainJobTwice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(t.TempDir(), "data", "dualmint.db")
	for range 2 {
		makeRun(t, address, database)
	}
}

func makeRun(t *testing.T, address, database string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out screen
	cmd := exec.CommandContext(ctx, "make", "run")
	cmd.Dir = root(t)
	cmd.Env = append(environment(), "DUALMINT_ADDR="+address, "DUALMINT_DATABASE_URL=sqlite:"+database)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the keyboard reaches make and what it started
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	shown := func(want string) {
		for !bytes.Contains([]byte(out.String()), []byte(want)) {
			select {
			case err := <-ended:
				t.Fatalf("make run ended before it showed %q: %v\n%s", want, err, out.String())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	for _, want := range []string{"refused, at once", "without a request", "the token is not for A", "metered", "curl -sS -w '\\n' http://" + address} {
		shown(want)
	}
	if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err != nil {
		t.Errorf("it does not go on serving: %v", err)
	} else if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("make did not notice the interrupt")
	}
	if _, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
		t.Error("something still listens after the interrupt")
	}
}
