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

	"github.com/dualmint/dualmint/internal/m2m"
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
	verifications := a.postgres.verifications(o.busy)
	for name, l := range map[string]load{
		"64":    {conns: 64, status: "200", requests: verifications},
		"256":   {conns: 256, status: "200", requests: verifications},
		"batch": {conns: 8, status: "200", requests: a.postgres.batches(100, 100)},
		"jwt":   {conns: 64, status: "201", requests: a.postgres.creations(m2m.JWT)},
	} {
		l.addr = a.servers[grouped].addr
		loaded := make(chan error, 1)
		go func() {
			r, err := l.run(ctx, time.Second, (seconds+2)*time.Second)
			_, _ = fmt.Fprintf(progress, "%s: %s\n", name, r)
			loaded <- err
		}()
		for file, path := range map[string]string{
			fmt.Sprintf("cpu-%s.pprof", name):    fmt.Sprintf("profile?seconds=%d", seconds),
			fmt.Sprintf("allocs-%s.pprof", name): fmt.Sprintf("allocs?seconds=%d", seconds),
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
