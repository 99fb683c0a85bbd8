package httpapi

// Cost: a busy connection sets two timers of the runtime a second, however many requests it carries; a request that waits for a batch has
// no goroutine asleep beside it; a batch asks the kernel once who of its callers is still there (docs/decisions/0020).

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener gives the connections of l as they serve this API best.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept satisfies net.Listener.
func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if end, ok := accepted.(socket); ok {
		if fd, ok := descriptor(end); ok {
			return &conn{Conn: accepted, socket: end, fd: fd, from: internetAddress(accepted.RemoteAddr())}, nil
		}
	}
	return accepted, nil
}

// internetAddress is invalid for an end that has none.
func internetAddress(end net.Addr) netip.Addr {
	if tcp, ok := end.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// socket is what a connection of the kernel's can do beyond net.Conn.
type socket interface {
	syscall.Conn
	CloseWrite() error
}

func descriptor(s socket) (fd int32, ok bool) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(n uintptr) { fd = int32(n) }) //nolint:gosec // G115: the kernel's are ints of 32 bits
	return fd, err == nil
}

// conn is a connection between net/http and the kernel. It leaves out what net/http does for every request and next to none needs.
//
// Deadlines: net/http sets six for each request and mostly takes them back unused. Here the kernel's poller is told when something is read or
// written, and only where the deadline that it knows is later than the one that is wanted, or more than a second earlier. So
// a deadline may come a second early, and every limit of the server has to be longer than that.
//
// The watch: while a request is handled, net/http reads one more byte, to learn that the client has hung up. For a request that waits, this is
// a goroutine that asks the kernel in vain, falls asleep, and must be woken. A handler whose client is looked for at the right moment does
// without (unwatched).
type conn struct {
	net.Conn
	socket socket
	fd     int32
	from   netip.Addr

	unwatched atomic.Bool

	mu          sync.Mutex // guards what follows
	reading     bool
	read, write deadline
}

// deadline is the one that is wanted and the one that the kernel's poller knows.
type deadline struct{ wanted, known time.Time }

func (d *deadline) stale() bool {
	if d.wanted.IsZero() || d.known.IsZero() {
		return d.wanted.IsZero() != d.known.IsZero()
	}
	early := d.wanted.Sub(d.known)
	return early < 0 || early > time.Second
}

// tell makes the wanted deadline known, where that is needed.
func (d *deadline) tell(set func(time.Time) error) error {
	if !d.stale() {
		return nil
	}
	d.known = d.wanted
	return set(d.wanted)
}

// Read satisfies net.Conn. The watch gets nothing while it is not needed: net/http takes that for its end. Nobody else reads a single byte
// while a request of known length is handled.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 1 && c.unwatched.Load() {
		return 0, nil
	}
	c.mu.Lock()
	c.reading = true
	err := c.read.tell(c.Conn.SetReadDeadline)
	c.mu.Unlock()
	n := 0
	if err == nil {
		n, err = c.Conn.Read(p)
	}
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	return n, err
}

// Write satisfies net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	err := c.write.tell(c.Conn.SetWriteDeadline)
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetReadDeadline satisfies net.Conn. A Read that is under way hears of it at once.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.wanted = t
	if !c.reading {
		return nil
	}
	c.read.known = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline satisfies net.Conn, for the writes that begin from now on: net/http sets none during one.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write.wanted = t
	return nil
}

// SetDeadline satisfies net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetWriteDeadline(t) // never fails
	return c.SetReadDeadline(t)
}

// CloseWrite lets net/http end what it sends before it ends the connection.
func (c *conn) CloseWrite() error { return c.socket.CloseWrite() }

// connKey is where the context of a request has its connection.
type connKey struct{}

// withConn lets handlers find the connection of a request.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// waiting is the context of a call that waits unwatched. It never ends.
type waiting struct {
	context.Context //nolint:containedctx // this is one
	conn            *conn
}

type waitingKey struct{}

func (*waiting) Deadline() (at time.Time, ok bool) { return time.Time{}, false }
func (*waiting) Done() <-chan struct{}             { return nil }
func (*waiting) Err() error                        { return nil }

// Value satisfies context.Context. (context.Cause may tell what became of the request all the same.)
func (w *waiting) Value(key any) any {
	if key == (waitingKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// unwatched keeps net/http from watching the connection of this request, until watch is called. The context that it gives is for a call
// that is grouped in batches: it does not end when the client hangs up, but Left tells.
func (a *api) unwatched(x *exchange) context.Context {
	if x.conn == nil || !askedAtOnce || !a.Grouped || x.c.Request.ContentLength <= 0 {
		return x.ctx()
	}
	x.conn.unwatched.Store(true)
	x.lent.waits = waiting{Context: x.ctx(), conn: x.conn}
	return &x.lent.waits
}

// watch ends unwatched.
func (x *exchange) watch() {
	if x.lent.waits.conn != nil {
		x.lent.waits.conn.unwatched.Store(false)
	}
}

// Left tells, in their order, which of those who wait with these contexts have hung up, as far as their contexts do not tell. A connection is
// open as long as its request is handled, unless the server is closed by force, when it no longer matters what is said.
func Left(callers []context.Context) []bool {
	fds := make([]int32, len(callers))
	for i, ctx := range callers {
		fds[i] = -1
		if w, ok := ctx.Value(waitingKey{}).(*waiting); ok {
			fds[i] = w.conn.fd
		}
	}
	return hungUp(fds)
}
