package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
)

// contestant is one thing that is measured in every round.
type contestant struct {
	name string
	take func(context.Context) (result, error)
}

// contestants gives everything that the table needs, those to be compared next to each other. Who stands there several times is measured
// several times in each round.
func (a *arena) contestants() []contestant {
	o := a.o
	verify := a.postgres.verifications(o.busy)
	wide := a.postgres.verifications(o.tokens)
	echoes := a.postgres.echoes(o.busy)
	var out []contestant
	add := func(name string, take func(context.Context) (result, error)) {
		out = append(out, contestant{name, take})
	}
	server := func(name, server string, conns, each int, status string, requests [][]byte) {
		add(name, func(ctx context.Context) (result, error) { return a.http(ctx, server, conns, each, status, requests) })
	}
	const often = 3 // what is asked for is near to what is measured
	for _, n := range []struct{ conns, times int }{{1, 1}, {64, often}, {256, often}} {
		for range n.times {
			server(fmt.Sprintf("echo, %d", n.conns), "echo", n.conns, 1, "200", echoes)
			server(fmt.Sprintf("verify, %d", n.conns), grouped, n.conns, 1, "200", verify)
		}
		server(fmt.Sprintf("verify single, %d", n.conns), single, n.conns, 1, "200", verify)
	}
	server("verify every token once, 64", grouped, 64, 1, "200", wide)
	server("verify_batch of 100, 8", grouped, 8, 100, "200", a.postgres.batches(o.busy, 100))
	server("verify_batch of 100, 16", grouped, 16, 100, "200", a.postgres.batches(o.busy, 100))
	for range often {
		add("verify in process, 256", func(ctx context.Context) (result, error) {
			return a.accounted("", func() (result, error) { return a.inside.verify(ctx, a.postgres, 256, o.busy, o.warm, o.span) })
		})
		add("pgbench -S, 32", func(ctx context.Context) (result, error) { return a.pgbench.selects(ctx, 32, o.span) })
	}
	server("create opaque, 64", grouped, 64, 1, "201", a.postgres.creations(m2m.Opaque))
	add("pgbench INSERT, 16", func(ctx context.Context) (result, error) { return a.pgbench.inserts(ctx, 16, o.span) })
	server("create JWT, 64", grouped, 64, 1, "201", a.postgres.creations(m2m.JWT))
	server("SQLite verify, 64", groupedSQLite, 64, 1, "200", a.sqlite.verifications(o.busy))
	server("SQLite verify single, 64", singleSQLite, 64, 1, "200", a.lonely.verifications(o.busy))
	return append(out, a.receiving.contestants(a)...)
}

// measure takes every figure in every round, then the open loop, and prints the tables.
func measure(ctx context.Context, o options, out, progress io.Writer) (err error) {
	wanted, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	a, err := newArena(ctx, o, progress)
	if err != nil {
		return err
	}
	defer func() {
		if closed := a.close(); err == nil {
			err = closed
		}
	}()
	if err := a.openAll(ctx); err != nil {
		return err
	}
	taken := rounds{}
	list := a.contestants() //nolint:contextcheck // each is given the context when it is taken
	for round := range o.rounds {
		_, _ = fmt.Fprintf(progress, "round %d of %d\n", round+1, o.rounds)
		for _, c := range list {
			if !wanted.MatchString(c.name) {
				continue
			}
			r, err := c.take(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			taken[c.name] = append(taken[c.name], r)
			_, _ = fmt.Fprintf(progress, "  %-28s %s\n", c.name, strings.TrimSpace(r.String()))
			if err := a.rest(ctx); err != nil {
				return err
			}
		}
	}
	taken.printFigures(out, list)
	taken.printRatios(out)
	if o.only != "" {
		return nil
	}
	return a.openLoop(ctx, taken["verify, 64"], out, progress)
}
