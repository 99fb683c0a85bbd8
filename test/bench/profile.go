package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profile writes what the server does under load: where its time goes, and what it allocates.
func profile(ctx context.Context, o options, progress io.Writer) (err error) {
	a, err := newArena(ctx, o, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	debug, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	if err := a.serve(ctx, grouped, a.postgres, "DUALMINT_DEBUG_ADDR="+debug); err != nil {
		return err
	}
	if err := os.MkdirAll(o.profile, 0o750); err != nil {
		return err
	}
	const seconds = 8
	requests := a.postgres.verifications(o.busy)
	for _, conns := range []int{64, 256} {
		l := load{addr: a.servers[grouped].addr, conns: conns, status: "200", requests: requests}
		loaded := make(chan error, 1)
		go func() {
			r, err := l.run(ctx, time.Second, (seconds+2)*time.Second)
			_, _ = fmt.Fprintf(progress, "%d connections: %s\n", conns, r)
			loaded <- err
		}()
		for file, path := range map[string]string{
			fmt.Sprintf("cpu-%d.pprof", conns):    fmt.Sprintf("profile?seconds=%d", seconds),
			fmt.Sprintf("allocs-%d.pprof", conns): fmt.Sprintf("allocs?seconds=%d", seconds),
		} {
			if err := fetch(ctx, "http://"+debug+"/debug/pprof/"+path, filepath.Join(o.profile, file)); err != nil {
				return errors.Join(err, <-loaded)
			}
		}
		if err := <-loaded; err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, url, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o600)
}
