package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// serveDebug answers questions of profilers on a listener of its own until ctx ends (R59). Profiles show no credential's characters, but
// whoever reaches the listener can slow the process down: it is off unless an address is set, and that address should be a loopback one.
func serveDebug(ctx context.Context, addr string, logger *slog.Logger) error {
	if addr == "" {
		return nil
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for profilers: %w", err)
	}
	if end, ok := listener.Addr().(*net.TCPAddr); ok && !end.IP.IsLoopback() {
		logger.WarnContext(ctx, "the listener for profiles is reachable from other machines, and asks nobody who they are: DUALMINT_DEBUG_ADDR should be a loopback address",
			"address", listener.Addr().String())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 4 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	logger.InfoContext(ctx, "profiles", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve profilers: %w", err)
	}
	return nil
}
