package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// waitingTokens lets verifications wait, as in a batch.
type waitingTokens struct {
	*fakeTokens
	waiting chan context.Context
	release chan struct{}
}

func (f *waitingTokens) Verify(ctx context.Context, caller, token secret.Text) (m2m.Record, error) {
	f.waiting <- ctx
	select {
	case <-f.release:
	case <-ctx.Done():
		return m2m.Record{}, ctx.Err()
	}
	return f.fakeTokens.Verify(ctx, caller, token)
}

// waitingWorld is a real server whose verifications wait.
func waitingWorld(t *testing.T, grouped bool) (*waitingTokens, string) {
	t.Helper()
	f := &waitingTokens{waiting: make(chan context.Context, 8), release: make(chan struct{})}
	w := newWorld(t, func(d *Deps) {
		f.fakeTokens, _ = d.Tokens.(*fakeTokens)
		d.Tokens, d.Grouped = f, grouped
	})
	return f, serve(t, w)
}

// dial opens a connection and sends a verification.
func dial(t *testing.T, address, framing, body string) *net.TCPConn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	send(t, c, framing, body)
	end, _ := c.(*net.TCPConn)
	return end
}

func send(t *testing.T, c net.Conn, framing, body string) {
	t.Helper()
	_, err := fmt.Fprintf(c, "POST /v1/m2m_tokens/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n%s",
		secretB.Reveal(), framing, body)
	if err != nil {
		t.Fatal(err)
	}
}

func verification() (framing, body string) {
	body = `{"token":"` + goodToken.Reveal() + `"}`
	return fmt.Sprintf("Content-Length: %d", len(body)), body
}

// answered reads one answer.
func answered(t *testing.T, c net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
}

func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// Of clients that wait for a batch, those who hung up are told from those who are there, in one look, while net/http watches none of them.
func TestWhoWaitsForABatchIsLookedForAndNotWatched(t *testing.T) {
	if !askedAtOnce {
		t.Skip("this system cannot be asked for all of them at once: net/http watches")
	}
	f, address := waitingWorld(t, true)
	framing, body := verification()
	var clients []*net.TCPConn
	var waiting []context.Context
	for range 4 {
		clients = append(clients, dial(t, address, framing, body))
		waiting = append(waiting, <-f.waiting)
	}
	within(t, "no watch is kept", func() bool {
		stacks := make([]byte, 1<<20)
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("backgroundRead"))
	})
	waiting = append(waiting, t.Context()) // came on no connection
	if got := Left(waiting); !slices.Equal(got, make([]bool, 5)) {
		t.Errorf("left: %v before anybody did", got)
	}
	_ = clients[1].Close()
	_ = clients[2].CloseWrite()
	_ = clients[3].SetLinger(0) // closing resets
	_ = clients[3].Close()
	within(t, "three have left", func() bool { return slices.Equal(Left(waiting), []bool{false, true, true, true, false}) })
	for i, ctx := range waiting {
		if ctx.Err() != nil {
			t.Errorf("context %d: %v", i, ctx.Err())
		}
	}
	close(f.release)
	answered(t, clients[0])
	send(t, clients[0], framing, body) // and the connection is as good as before
	answered(t, clients[0])
}

// Who does not wait for a batch, and whose body is of unknown length, is watched by net/http: its context ends.
func TestWhoIsNotLookedForIsWatched(t *testing.T) {
	framing, body := verification()
	for name, c := range map[string]struct {
		grouped       bool
		framing, body string
	}{
		"not grouped": {false, framing, body},
		"chunked":     {true, "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)},
	} {
		t.Run(name, func(t *testing.T) {
			f, address := waitingWorld(t, c.grouped)
			client := dial(t, address, c.framing, c.body)
			ctx := <-f.waiting
			_ = client.Close()
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				t.Error("the context goes on")
			}
		})
	}
}

// R52: a client that sends half a header, half a body or nothing more is let go, on a fresh connection and on a used one.
func TestClientsThatStallAreLetGo(t *testing.T) {
	t.Parallel()
	framing, body := verification()
	request := "POST /v1/m2m_tokens/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secretB.Reveal() +
		"\r\nContent-Type: application/json\r\n" + framing + "\r\n\r\n" + body
	whole := strings.Index(request, "\r\n\r\n") + 4
	for name, part := range map[string]string{"nothing": "", "half a header": request[:40], "half a body": request[:whole+10]} {
		for _, used := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " used ", used), func(t *testing.T) {
				t.Parallel()
				listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				s := NewServer("", newWorld(t).handler)
				s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = 2*time.Second, 3*time.Second, time.Minute
				if part == "" {
					s.IdleTimeout = 2 * time.Second
				}
				done := make(chan error, 1)
				go func() { done <- s.Serve(Listener(listener)) }()
				defer func() {
					_ = s.Close()
					if err := <-done; !errors.Is(err, http.ErrServerClosed) {
						t.Error(err)
					}
				}()
				c, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close() //nolint:errcheck // was ended by the other side
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if used {
					_, _ = io.WriteString(c, request)
					answered(t, c)
				}
				_, _ = io.WriteString(c, part)
				if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("it is still there after ten seconds")
				}
			})
		}
	}
}

// toldConn notes which deadlines the kernel hears of. Reads wait for one that is past.
type toldConn struct {
	net.Conn
	reads, writes []time.Time
	past          chan struct{}
}

func (c *toldConn) Read([]byte) (int, error) {
	if n := len(c.reads); n == 0 || c.reads[n-1].IsZero() || time.Now().Before(c.reads[n-1]) {
		<-c.past
	}
	return 0, os.ErrDeadlineExceeded
}

func (c *toldConn) Write(p []byte) (int, error) { return len(p), nil }

func (c *toldConn) SetReadDeadline(t time.Time) error {
	c.reads = append(c.reads, t)
	if !t.IsZero() && !time.Now().Before(t) {
		close(c.past)
	}
	return nil
}

func (c *toldConn) SetWriteDeadline(t time.Time) error {
	c.writes = append(c.writes, t)
	return nil
}

// The kernel hears of a deadline when it matters: at the next write, where the one that it knows is too late or a second too early.
func TestDeadlinesAreToldWhenTheyMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &toldConn{}
		c := &conn{Conn: told}
		start := time.Now()
		var want []time.Time
		for _, step := range []struct {
			after time.Duration // from start on; negative: none
			heard bool
		}{
			{-1, false},
			{60 * time.Second, true},
			{60*time.Second + 900*time.Millisecond, false},
			{60*time.Second + 1100*time.Millisecond, true},
			{61 * time.Second, true}, // earlier
			{-1, true},
			{-1, false},
			{62 * time.Second, true},
		} {
			var at time.Time
			if step.after >= 0 {
				at = start.Add(step.after)
			}
			_ = c.SetWriteDeadline(start.Add(time.Hour)) // taken back unused
			_ = c.SetWriteDeadline(at)
			if step.heard {
				want = append(want, at)
			}
			if _, err := c.Write([]byte("x")); err != nil || !slices.Equal(told.writes, want) {
				t.Fatalf("%v: heard of %v, want %v, %v", step.after, told.writes, want, err)
			}
		}
	})
}

// A Read that is under way hears of a deadline at once; so does one that begins after the deadline was set.
func TestADeadlineEndsTheReadThatIsUnderWay(t *testing.T) {
	for _, first := range []string{"read", "deadline"} {
		synctest.Test(t, func(t *testing.T) {
			told := &toldConn{past: make(chan struct{})}
			c := &conn{Conn: told}
			_ = c.SetReadDeadline(time.Now().Add(time.Hour))
			ended := make(chan error)
			read := func() {
				_, err := c.Read(make([]byte, 1))
				ended <- err
			}
			if first == "read" {
				go read()
				synctest.Wait()
			}
			_ = c.SetDeadline(time.Unix(1, 0))
			if first == "deadline" {
				go read()
			}
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}
