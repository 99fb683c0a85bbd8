package harness

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"testing"
)

// Server is one running process.
type Server struct {
	API
	*Deployment
	*Process
}

// Start starts a process and waits until it is ready. The test's end stops it.
func (d *Deployment) Start(tb testing.TB) *Server {
	tb.Helper()
	addr := d.addr
	if d.addr = ""; addr == "" {
		addr = freeAddress(tb)
	}
	s := &Server{API: newAPI("http://" + addr), Deployment: d}
	env := append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + d.dir,
		"DUALMINT_ADDR=" + addr,
		"DUALMINT_DATABASE_URL=" + d.Database,
		"DUALMINT_ISSUER=" + d.Issuer,
		"DUALMINT_MASTER_KEY=" + d.MasterKey,
		"DUALMINT_SECRET_KEY=" + d.InstanceKey,
		"DUALMINT_LOG_LEVEL=debug",
	}, d.Env...)
	s.Process = Launch(tb, d.dir, env, s.ready, os.Getenv(BinaryVariable), "serve")
	tb.Cleanup(func() { s.finish(tb) })
	return s
}

func (s *Server) ready(ctx context.Context) bool {
	r, err := s.try(ctx, http.MethodGet, "/readyz", "", nil)
	return err == nil && r.Status == http.StatusOK
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
		tb.Logf("the end of %s's log:\n%s", s.Base, s.LogTail())
	}
}
