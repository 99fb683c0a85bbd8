package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// lastRequests is how long a connection that is open at the stop may go on to send one more request. net/http's own Shutdown closes
// connections between two requests at once, and loses the request that is on its way at that moment.
const lastRequests = 250 * time.Millisecond

// door lets requests in, and at the stop lets their senders go without losing one.
type door struct {
	handler  http.Handler
	stopping atomic.Bool
	open     atomic.Int64 // connections
}

// ServeHTTP answers as the handler does. Once the stop has begun, it tells the client that this was the connection's last request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.stopping.Load() {
		w.Header().Set("Connection", "close")
	}
	d.handler.ServeHTTP(w, r)
}

// count follows the connections of a server: it is its ConnState.
func (d *door) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		d.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		d.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// serve serves until the stop has begun.
func (d *door) serve(server *http.Server, listener net.Listener) error {
	err := server.Serve(listener)
	if d.stopping.Load() || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// close stops accepting, takes what open connections still send for a moment, then waits for the requests under way, at most until ctx
// ends.
func (d *door) close(ctx context.Context, server *http.Server, listener net.Listener) error {
	d.stopping.Store(true)
	err := listener.Close()
	tick := time.NewTicker(lastRequests / 25)
	defer tick.Stop()
	enough := time.After(lastRequests)
	for waiting := true; waiting && d.open.Load() > 0; {
		select {
		case <-tick.C:
		case <-enough:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	late := server.Shutdown(ctx)
	if ctx.Err() != nil && late != nil {
		late = errors.Join(fmt.Errorf("requests were still under way at the end of the grace: %w", late), closed(server.Close()))
	}
	return errors.Join(closed(err), closed(late))
}

// closed makes nothing of the error of closing what is closed already: the server closes its listener too.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
