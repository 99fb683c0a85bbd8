package main

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared is a buffer that a server writes and a test reads.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// What make run does, twice on one database.
func TestServeWithDemoShowsItAndGoesOnServing(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	var machines []string
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		out, log := new(shared), new(shared)
		p := &program{environ: []string{"DUALMINT_ADDR=" + addr}, dir: dir, in: strings.NewReader(""), out: out, err: log, now: time.Now}
		ended := make(chan error, 1)
		go func() { ended <- p.run(ctx, []string{"serve", "--demo"}) }()
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "The server goes on at http://"+addr); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no demo:\n%s\n%s", out, log)
			}
		}
		if !strings.Contains(out.String(), "Its dashboard: http://"+addr+"/dashboard ") {
			t.Errorf("the demo does not end with where the dashboard is:\n%s", out)
		}
		if !strings.Contains(out.String(), "total      3     3       $0.0021") {
			t.Errorf("the demo does not show what it used:\n%s", out)
		}
		if strings.Contains(log.String(), "msg=request") {
			t.Errorf("the log speaks in the middle of the demo:\n%s", log)
		}
		if err := p.run(t.Context(), []string{"healthcheck"}); err != nil {
			t.Errorf("after the demo: %v", err)
		}
		machines = append(machines, regexp.MustCompile(`mch_\w+`).FindString(out.String()))
		stop()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
	if machines[0] != machines[1] {
		t.Error("the second demo made machines of its own")
	}
}

// A port that is taken is told, and the database is given back.
func TestServeOnATakenPortFails(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	first := startProcess(t, t.TempDir(), addr)
	log := new(shared)
	p := &program{environ: []string{"DUALMINT_ADDR=" + addr}, dir: dir, in: strings.NewReader(""), out: log, err: log, now: time.Now}
	for range 2 {
		if err := p.run(t.Context(), []string{"serve"}); err == nil || !strings.Contains(err.Error(), "listen") {
			t.Errorf("serve on a taken port: %v", err)
		}
	}
	first.terminate(t)
	first.wait(t)
}
