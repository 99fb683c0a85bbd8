//go:build faults

package faults

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/test/harness"
)

// cutting is one process whose way to its database can be cut.
type cutting struct {
	*wire
	t        *testing.T
	database string // past the wire
	began    time.Time
	deploy   *harness.Deployment
	at       atomic.Pointer[harness.Server]
	book     *ledger
}

func newCutting(t *testing.T) *cutting {
	t.Helper()
	c := &cutting{t: t, database: pgtest.URL(t, pgtest.TCP), began: time.Now(), book: newLedger()}
	c.wire = newWire(t, c.database)
	c.deploy = harness.New(t, c.url, quietly...)
	c.at.Store(c.deploy.Start(t))
	return c
}

// lost is how many transactions were looked up because their answer was lost: a writer raises its epoch for each.
func (c *cutting) lost() int64 {
	c.t.Helper()
	return number(c.t, c.database, "SELECT coalesce(sum(epoch), 0) FROM writers")
}

// settle makes every writer work, so that each looks up what became of its last transaction.
func (c *cutting) settle(l *lane) {
	c.t.Helper()
	for range 8 {
		if !l.verify(c.t, "opaque") {
			c.t.Error("no answer although the way is open")
		}
	}
}

// R12: the connection is cut after every single byte of the database's reply to a commit, and within the request. Whatever the byte, the
// process answers "cannot tell" or the truth, finds out what became of the commit, does not repeat it, and goes on by itself.
func TestACommitCutAtAnyByteIsBilledOnceOrNotAtAll(t *testing.T) {
	c := newCutting(t)
	l := newLane(t, c.book, &c.at)
	for _, format := range formats {
		for range batchSize {
			if !l.create(t, format) {
				t.Fatal("nothing to begin with")
			}
		}
	}
	c.settle(l)
	if n := c.lost(); n != 0 {
		t.Fatalf("%d transactions lost before anything was cut", n)
	}
	for _, kind := range []struct {
		name string
		far  int // where the steps may be coarse: the reply is longer than a single one's
		ask  func() bool
	}{
		{"verify opaque", 1, func() bool { return l.verify(t, "opaque") }},
		{"verify jwt", 1, func() bool { return l.verify(t, "jwt") }},
		{"create opaque", 1, func() bool { return l.create(t, "opaque") }},
		{"create jwt", 1, func() bool { return l.create(t, "jwt") }},
		{"verify batch", 61, func() bool { return l.verifyBatch(t) }},
	} {
		for direction, step := range map[string]int{reply: kind.far * *stride, request: kind.far * *stride * 9} {
			began, before := time.Now(), c.lost()
			cuts, slowest := c.sweep(l, direction, step, kind.ask)
			c.settle(l)
			t.Logf("%-13s %-10s cut at %4d places: %4d commits without an answer, looked up; answering again after at most %v (%v)",
				kind.name, direction, cuts, c.lost()-before, slowest.Round(time.Millisecond), time.Since(began).Round(time.Second))
		}
	}
	c.balanced(l)
	if lost := c.lost(); lost < int64(c.book.doubted) || c.book.doubted == 0 {
		t.Errorf("%d commits looked up, and %d requests were told that the outcome is unknown", lost, c.book.doubted)
	}
}

// sweep cuts after 0 bytes, step bytes, and so on, until the whole answer passes.
func (c *cutting) sweep(l *lane, direction string, step int, ask func() bool) (cuts int, slowest time.Duration) {
	c.t.Helper()
	for passed, bytes := 0, 0; passed < 3; bytes += step {
		if bytes > 1<<16 {
			c.t.Fatal("however much passes, there is no answer")
		}
		l.turn++
		c.cut(c.t, direction, bytes)
		if ask() {
			passed++
		} else {
			passed = 0
		}
		c.mend(c.t)
		cuts++
		mended := time.Now()
		for !ask() {
			if time.Since(mended) > 5*time.Second {
				c.t.Fatalf("cut after %d bytes, and it does not recover", bytes)
			}
		}
		slowest = max(slowest, time.Since(mended))
	}
	return cuts, slowest
}

// balanced holds the bill to the promise, and finds every creation.
func (c *cutting) balanced(lanes ...*lane) {
	c.t.Helper()
	settled(c.t, c.database)
	s := c.at.Load()
	billed := c.book.balance(c.t, s, c.began)
	for _, l := range lanes {
		l.present(c.t, s, billed)
	}
}

// R12: the same under load, where a batch is many requests and its reply begins before its commit.
func TestCutsUnderLoadAreBilledOnceOrNotAtAll(t *testing.T) {
	c := newCutting(t)
	lanes := make([]*lane, 16)
	for i := range lanes {
		lanes[i] = newLane(t, c.book, &c.at)
	}
	stop := driveAll(t, lanes)
	defer stop()
	for storm := range *storms {
		direction, bytes := reply, storm*storm%20011
		if storm%4 == 3 {
			direction, bytes = request, bytes/4
		}
		time.Sleep(between(time.Millisecond, 30*time.Millisecond))
		c.cut(t, direction, bytes)
		time.Sleep(between(time.Millisecond, 20*time.Millisecond))
		c.mend(t)
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	c.settle(lanes[0])
	t.Logf("%d cuts of all connections: %d commits without an answer, looked up", *storms, c.lost())
	c.balanced(lanes...)
}

// What the others measure is worth nothing if the figures differ without any fault.
func TestWithoutAFaultTheBillIsWhatWasAcknowledged(t *testing.T) {
	c := newCutting(t)
	lanes := make([]*lane, 16)
	for i := range lanes {
		lanes[i] = newLane(t, c.book, &c.at)
	}
	stop := driveAll(t, lanes)
	time.Sleep(2 * time.Second)
	stop()
	c.balanced(lanes...)
	if c.lost() != 0 || c.book.lost != 0 {
		t.Error("something was lost: ", fmt.Sprint(c.lost(), " commits, ", c.book.lost, " requests"))
	}
}
