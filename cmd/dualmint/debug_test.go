package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// R59
func TestProfilesAreServedOnTheirOwnListenerAlone(t *testing.T) {
	addr, debug := freeAddress(t), freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	log := new(shared)
	p := &program{
		environ: []string{"DUALMINT_ADDR=" + addr, "DUALMINT_DEBUG_ADDR=" + debug}, dir: t.TempDir(), in: strings.NewReader(""), out: log, err: log,
		now: time.Now,
	}
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, []string{"serve"}) }()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "profiles"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no listener:\n%s", log)
		}
	}
	for url, want := range map[string]int{
		"http://" + debug + "/debug/pprof/goroutine?debug=1": http.StatusOK,
		"http://" + debug + "/v1/jwks":                       http.StatusNotFound,
		"http://" + addr + "/debug/pprof/":                   http.StatusNotFound,
		"http://" + addr + "/v1/jwks":                        http.StatusOK,
	} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}
