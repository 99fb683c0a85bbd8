package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"
)

const (
	soakTokens = 1_000_000
	soakConns  = 64
	mostMemory = 150.0 // MB
	mostSlope  = 1.0   // MB a minute, over the second half
)

// soak watches the resident memory of a server that verifies all of a million tokens again and again. It fails when that exceeds what is
// promised or goes on growing.
func soak(ctx context.Context, o options, out, progress io.Writer) (err error) {
	if o.tokens = soakTokens; o.quick {
		o.tokens = o.busy
	}
	a, err := newArena(ctx, o, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.serve(ctx, grouped, a.postgres); err != nil {
		return err
	}
	requests := a.postgres.verifications(o.tokens)
	server := a.servers[grouped]
	loaded := make(chan error, 1)
	var under result
	go func() {
		var err error
		under, err = load{addr: server.addr, conns: soakConns, status: "200", requests: requests}.run(ctx, 0, o.soak)
		loaded <- err
	}()
	var samples []sample
	began := time.Now()
	tick := time.NewTicker(max(o.soak/120, 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			mb, err := residentMB(server.cmd.Process.Pid)
			if err != nil {
				return err
			}
			samples = append(samples, sample{time.Since(began).Minutes(), mb})
			if len(samples)%12 == 0 {
				_, _ = fmt.Fprintf(progress, "%5.1f min  %6.1f MB\n", samples[len(samples)-1].minutes, mb)
			}
		case err := <-loaded:
			if err != nil {
				return err
			}
			return judge(out, o, samples, under)
		}
	}
}

// sample is the memory at a time.
type sample struct{ minutes, mb float64 }

func judge(out io.Writer, o options, samples []sample, under result) error {
	highest := 0.0
	for _, s := range samples {
		highest = max(highest, s.mb)
	}
	slope := slopeOf(samples[len(samples)/2:])
	_, _ = fmt.Fprintf(out, "%d live tokens, %d connections, %v, %s: at most %.1f MB resident, %+.2f MB a minute over the second half\n",
		o.tokens, soakConns, o.soak, under, highest, slope)
	if !o.quick && (highest > mostMemory || slope > mostSlope) {
		return fmt.Errorf("more than %.0f MB, or growing by more than %.1f MB a minute", mostMemory, mostSlope)
	}
	return nil
}

// slopeOf is the line of least squares.
func slopeOf(samples []sample) float64 {
	var n, x, y, xx, xy float64
	for _, s := range samples {
		n, x, y, xx, xy = n+1, x+s.minutes, y+s.mb, xx+s.minutes*s.minutes, xy+s.minutes*s.mb
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// residentMB asks the kernel.
func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, errors.New("the kernel does not tell the resident memory")
	}
	kb, err := strconv.ParseFloat(string(found[1]), 64)
	return kb / 1024, err
}
