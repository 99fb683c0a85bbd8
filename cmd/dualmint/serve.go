package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/dashboard"
	httpapi "github.com/dualmint/dualmint/internal/http"
)

func (p *program) serve() *cobra.Command {
	var demo bool
	c := &cobra.Command{
		Use: "serve", Short: "Run the server until SIGTERM or an interrupt", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return p.runServer(c.Context(), demo) },
	}
	c.Flags().BoolVar(&demo, "demo", false, "show the demo once the server is ready, then go on serving")
	return c
}

// runServer starts everything in order, serves until ctx ends, and stops in the reverse order: first no new connections, then the
// requests under way, then the loops that they need, then the database.
func (p *program) runServer(ctx context.Context, demo bool) (err error) {
	c, err := p.loadSettings()
	if err != nil {
		return err
	}
	// The address first: a start that fails for want of it leaves nothing behind. Who connects already waits in line.
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("%w (DUALMINT_ADDR says where to listen)", err)
	}
	defer func() { err = errors.Join(err, closed(listener.Close())) }()
	level := new(slog.LevelVar)
	level.Set(c.LogLevel.Level())
	logger := slog.New(newHandler(p.err, c.Config, level))
	made, err := c.EnsureKeys()
	p.tellMade(made, c.Config, logger)
	if err != nil {
		return err
	}
	tellLoose(ctx, c.Config, logger)
	s, err := p.assemble(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx), logger)) }()

	server := httpapi.NewServer(c.Addr, &s.door)
	server.ConnState = s.door.count
	server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)

	// The loops live longer than ctx: requests under way at its end still need them.
	alive := context.WithoutCancel(ctx)
	loops, stopLoops := context.WithCancel(alive)
	defer stopLoops()
	g, failed := errgroup.WithContext(ctx)
	if s.grouped != nil {
		g.Go(func() error { return s.grouped.Run(loops) })
	}
	g.Go(func() error { return s.keys.Run(loops) })
	g.Go(func() error { return s.ledger.Run(loops) })
	g.Go(func() error { return s.tally.Run(loops) })
	g.Go(func() error { return forgetExpired(loops, s.db, logger) })
	g.Go(func() error { return giveRoom(loops, p.environ, aliveNow, debug.SetGCPercent) })
	g.Go(func() error { return s.door.serve(server, httpapi.Listener(listener)) })
	g.Go(func() error { return serveDebug(loops, c.DebugAddr, logger) })
	g.Go(func() error {
		defer stopLoops()
		<-failed.Done() // the signal, or the first of the others that ended badly
		logger.InfoContext(alive, "stopping")
		grace, cancel := context.WithTimeout(alive, c.ShutdownGrace)
		defer cancel()
		return s.door.close(grace, server, listener)
	})
	if err := p.tellDashboard(ctx, c, s, listener.Addr()); err != nil {
		logger.WarnContext(ctx, "the dashboard's address could not be told", "error", err)
	}
	logger.InfoContext(ctx, "ready", "address", listener.Addr().String(), "issuer", c.Issuer, "instance", string(s.instance))
	if demo {
		g.Go(func() error { return p.demoOn(failed, c, s, listener.Addr(), level) })
	}
	err = g.Wait()
	logger.InfoContext(alive, "stopped")
	return err
}

// demoOn shows the demo against the server of this process, with its log quiet meanwhile.
func (p *program) demoOn(ctx context.Context, c settings, s *service, addr net.Addr, level *slog.LevelVar) error {
	level.Set(max(c.LogLevel.Level(), slog.LevelWarn))
	defer level.Set(c.LogLevel.Level())
	base := "http://" + config.Reachable(addr.String())
	err := p.showDemo(ctx, config.Client{URL: base, Issuer: c.Issuer, SecretKey: c.SecretKey})
	if ctx.Err() != nil {
		return nil // told to stop in the middle of it
	}
	if err != nil {
		return err
	}
	pages := ""
	if c.Dashboard {
		way := "sign in with the instance secret key"
		if s.firstStart && p.terminal {
			way += ", or by the link at the top"
		}
		pages = fmt.Sprintf("Its dashboard: %s%s (%s)\n", base, dashboard.Root, way)
	}
	_, err = fmt.Fprintf(p.out, "The server goes on at %s; Ctrl-C stops it. Every command: dualmint help\n%s\n", base, pages)
	return err
}
