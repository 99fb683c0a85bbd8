//go:build unix

package harness

import (
	"syscall"
	"testing"
)

// Pause stops the process where it is (SIGSTOP), as a machine that is suspended does. Resume lets it go on; so does the test's end.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() { _ = s.process.Signal(syscall.SIGCONT) })
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatalf("pause: %v", err)
	}
}

// Resume lets a paused process go on.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		tb.Fatalf("resume: %v", err)
	}
}

// Try makes one request and gives its error instead of failing the test: for requests to a process that may be stopped or gone.
func (s *Server) Try(tb testing.TB, method, path, bearer string, body any) (Reply, error) {
	tb.Helper()
	return s.try(tb.Context(), method, path, bearer, body)
}
