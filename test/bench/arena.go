package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/pgtest"
)

const ourDatabase = "dualmint"

// arena is everything that runs while measurements are taken.
type arena struct {
	o        options
	dir      string
	binary   string
	cluster  *pgtest.Cluster
	pgbench  *pgbench
	postgres *fixture
	sqlite   *fixture // two files of one content would not do: each server has one to itself
	lonely   *fixture
	servers  map[string]*process
	inside   *inProcess
	// The receiving side, in this process.
	receiving *receivingSide
	closers   []func() error
}

// names of the servers.
const (
	grouped       = "grouped"
	single        = "single"
	groupedSQLite = "grouped, SQLite"
	singleSQLite  = "single, SQLite"
)

// newArena builds, starts and fills a PostgreSQL, and starts nothing else yet.
func newArena(ctx context.Context, o options, progress io.Writer) (_ *arena, err error) {
	a := &arena{o: o, servers: map[string]*process{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.dir, err = os.MkdirTemp("", "dualmint-bench-"); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(a.dir) })
	_, _ = fmt.Fprintln(progress, "building")
	if a.binary, err = build(ctx, a.dir); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(progress, "starting PostgreSQL and recording %d tokens\n", o.tokens)
	if a.cluster, err = pgtest.NewCluster(); err != nil { //nolint:contextcheck // it lives until it is closed
		return nil, err
	}
	a.closers = append(a.closers, a.cluster.Close)
	if err := a.cluster.Create(ctx, ourDatabase); err != nil {
		return nil, err
	}
	if a.postgres, err = populate(ctx, a.cluster.Socket(ourDatabase), o.tokens); err != nil {
		return nil, err
	}
	return a, a.cluster.Exec(ctx, ourDatabase, "VACUUM ANALYZE")
}

// openAll starts every contestant.
func (a *arena) openAll(ctx context.Context) (err error) {
	if a.pgbench, err = preparePgbench(ctx, a.cluster, a.dir); err != nil {
		return err
	}
	if a.inside, err = startInProcess(ctx, a.postgres); err != nil {
		return err
	}
	a.closers = append(a.closers, a.inside.close)
	for name, into := range map[string]**fixture{"grouped.db": &a.sqlite, "single.db": &a.lonely} {
		if *into, err = populate(ctx, "sqlite:"+filepath.Join(a.dir, name), a.o.busy); err != nil {
			return err
		}
	}
	if a.servers["echo"], err = startEcho(ctx); err != nil {
		return err
	}
	a.closers = append(a.closers, a.servers["echo"].stop)
	for name, s := range map[string]struct {
		on  *fixture
		env []string
	}{
		grouped: {a.postgres, nil}, single: {a.postgres, []string{"DUALMINT_GROUPING=off"}},
		groupedSQLite: {a.sqlite, nil}, singleSQLite: {a.lonely, []string{"DUALMINT_GROUPING=off"}},
	} {
		if err := a.serve(ctx, name, s.on, s.env...); err != nil {
			return err
		}
	}
	a.receiving, err = openReceivingSide(ctx, a.postgres, a.servers[grouped].addr)
	if err == nil {
		a.closers = append(a.closers, a.receiving.close)
	}
	return err
}

// serve starts a server of ours.
func (a *arena) serve(ctx context.Context, name string, on *fixture, env ...string) error {
	p, err := startServer(ctx, a.binary, a.dir, on, append(env, a.o.env...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.servers[name] = p
	a.closers = append(a.closers, p.stop)
	return nil
}

// http measures a server under a closed loop.
func (a *arena) http(ctx context.Context, server string, conns, each int, status string, requests [][]byte) (result, error) {
	l := load{addr: a.servers[server].addr, conns: conns, each: each, status: status, requests: requests}
	return a.accounted(server, func() (result, error) { return l.run(ctx, a.o.warm, a.o.span) })
}

// accounted measures what each thing costs of the processors, too. The time before a measurement costs as much as the rest.
func (a *arena) accounted(server string, take func() (result, error)) (result, error) {
	before := a.spent(server)
	r, err := take()
	used := a.spent(server).minus(before)
	if number := r.rate * (a.o.warm + a.o.span).Seconds(); number > 0 {
		each := func(d time.Duration) time.Duration { return time.Duration(float64(d) / number) }
		r.cpu = cpu{each(used.client), each(used.server), each(used.postgres)}
	}
	return r, err
}

// close ends everything, the last first.
func (a *arena) close() error {
	var errs error
	for _, end := range slices.Backward(a.closers) {
		errs = errors.Join(errs, end())
	}
	a.closers = nil
	return errs
}

// rest lets what one contestant has left to do (a checkpoint, a garbage collection) not fall on the next one.
func (a *arena) rest(ctx context.Context) error {
	select {
	case <-time.After(a.o.warm / 4):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
