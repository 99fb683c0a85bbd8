package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// result is one measurement.
type result struct {
	rate          float64 // per second
	p50, p99      time.Duration
	p999, longest time.Duration
	cpu           cpu     // of one request, or of one verification
	allocs        float64 // of one verification in this process
	fetches       float64 // of key sets
	alone         float64 // seconds for one, nothing being under way beside it
}

// load is a closed loop: each connection sends its next request when it has the answer to the one before. Requests are bytes made
// beforehand and answers are only looked through for status and end, so that the client takes as little as possible of the machine that
// it shares with the server.
type load struct {
	addr     string
	conns    int
	requests [][]byte
	status   string
	each     int // what one request counts for
}

// run drives the load for a while that does not count, then for one that does.
func (l load) run(ctx context.Context, warm, span time.Duration) (result, error) {
	clients := make([]*client, l.conns)
	var dialer net.Dialer
	for i := range clients {
		conn, err := dialer.DialContext(ctx, "tcp", l.addr)
		if err != nil {
			return result{}, err
		}
		defer conn.Close() //nolint:errcheck // everything was read
		clients[i] = &client{conn: conn, buf: make([]byte, 16<<10), status: l.status}
	}
	began := time.Now()
	from, until := began.Add(warm), began.Add(warm+span)
	stop := context.AfterFunc(ctx, func() {
		for _, c := range clients {
			_ = c.conn.Close()
		}
	})
	defer stop()
	errs := make([]error, l.conns)
	var running sync.WaitGroup
	for i, c := range clients {
		running.Go(func() {
			_ = c.conn.SetDeadline(until.Add(10 * time.Second))
			errs[i] = c.loop(l.requests, i*len(l.requests)/l.conns, from, until)
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return result{}, errors.Join(ctx.Err(), firstOf(errs))
	}
	var all histogram
	for _, c := range clients {
		all.merge(&c.latencies)
	}
	return resultOf(&all, span, max(l.each, 1)), nil
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func resultOf(h *histogram, span time.Duration, each int) result {
	return result{
		rate: float64(h.number) * float64(each) / span.Seconds(),
		p50:  h.quantile(0.5), p99: h.quantile(0.99), p999: h.quantile(0.999), longest: h.quantile(1),
	}
}

// client is one connection.
type client struct {
	conn      net.Conn
	buf       []byte
	status    string
	latencies histogram
}

// loop works through the requests from at on. What ends between from and until counts.
func (c *client) loop(requests [][]byte, at int, from, until time.Time) error {
	sent := time.Now()
	for ; ; at++ {
		if err := c.exchange(requests[at%len(requests)]); err != nil {
			return err
		}
		now := time.Now()
		if now.After(until) {
			return nil
		}
		if now.After(from) {
			c.latencies.add(now.Sub(sent))
		}
		sent = now
	}
}

// exchange sends one request and reads one answer.
func (c *client) exchange(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	n, end := 0, 0
	for {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return err
		}
		n += m
		if end == 0 {
			end = endOf(c.buf[:n])
		}
		whole := end > 0 && n >= end || end == chunked && bytes.HasSuffix(c.buf[:n], []byte("\r\n0\r\n\r\n"))
		if whole {
			if string(c.buf[9:12]) != c.status {
				return fmt.Errorf("status %s, want %s: %s", c.buf[9:12], c.status, c.buf[:min(n, 1000)])
			}
			return nil
		}
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
	}
}

const chunked = -1

// endOf is the length of an answer whose head is here, 0 when it is not yet, or chunked.
func endOf(b []byte) int {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 12 {
		return 0
	}
	const field = "\r\nContent-Length: "
	at := bytes.Index(b[:head], []byte(field))
	if at < 0 {
		return chunked
	}
	value := b[at+len(field) : head]
	if cut := bytes.IndexByte(value, '\r'); cut >= 0 {
		value = value[:cut]
	}
	n, err := strconv.Atoi(string(value))
	if err != nil {
		return chunked
	}
	return head + 4 + n
}

// post is the bytes of a request.
func post(path, bearer, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", path)
	if bearer != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", bearer)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}
