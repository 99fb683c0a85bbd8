//go:build faults

package faults

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/dualmint/dualmint/test/harness"
)

// history is what one client clock saw of one holder's tokens: every call, from before it was sent until after it was answered.
type history struct {
	epoch time.Time
	mu    sync.Mutex
	list  []porcupine.Operation
}

func (h *history) now() int64 { return int64(time.Since(h.epoch)) }

func (h *history) enter(client int, op operation, from int64, valid bool) {
	to := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, porcupine.Operation{ClientId: client, Input: op, Output: valid, Call: from, Return: to})
}

// contest is one holder with an opaque token and a JWT, which everyone verifies at every process while its scope is taken and given
// back, and the tokens are revoked one after the other.
type contest struct {
	*history
	at               []*harness.Server
	holder, receiver harness.Machine
	tokens           [2]harness.Token
	over             atomic.Bool
}

const (
	verifiersEach = 3 // at each process
	leastAfter    = 2 // verifications of each verifier that begin when everything is over
)

// run plays it and gives its history.
func (c *contest) run(t *testing.T) []porcupine.Operation {
	t.Helper()
	s := c.at[0]
	c.history = &history{epoch: time.Now()}
	c.receiver = s.NewMachine(t, "receiver")
	c.holder = s.NewMachine(t, "holder", c.receiver)
	for i, format := range formats {
		c.tokens[i] = s.Mint(t, c.holder.SecretKey, harness.Fields{"token_format": format})
	}
	var verifiers, changers sync.WaitGroup
	for i, at := range c.at {
		for n := range verifiersEach {
			verifiers.Go(func() { c.hammer(t, i*verifiersEach+n, at) })
		}
	}
	first := len(c.at) * verifiersEach
	changers.Go(func() { c.toggle(t, first) })
	for i := range c.tokens {
		changers.Go(func() {
			time.Sleep(between(20*time.Millisecond, 120*time.Millisecond))
			c.revoke(t, first+1+i, i)
		})
	}
	changers.Wait()
	c.over.Store(true)
	verifiers.Wait()
	return c.list
}

// hammer verifies the two tokens in turn. Some do so without a pause; but those who wait for answers of one batch ask again together, so
// others come at any moment.
func (c *contest) hammer(t *testing.T, client int, at *harness.Server) {
	for after, turn := 0, client; after < leastAfter*len(c.tokens); turn++ {
		if c.over.Load() {
			after++
		}
		if client%2 == 1 {
			time.Sleep(between(0, 5*time.Millisecond))
		}
		c.verify(t, client, at, turn%2)
	}
}

func (c *contest) verify(t *testing.T, client int, at *harness.Server, token int) {
	from := c.now()
	switch r := at.Verify(t, c.receiver.SecretKey, c.tokens[token].Token); r.Status {
	case http.StatusOK, http.StatusNotFound:
		c.enter(client, operation{verify, token}, from, r.Status == http.StatusOK)
	case http.StatusServiceUnavailable: // neither good nor bad
	default:
		t.Errorf("a verification was answered with %d: %s", r.Status, r.Body)
	}
}

// toggle takes the scope and gives it back, each time at the next process.
func (c *contest) toggle(t *testing.T, client int) {
	for turn := range 6 {
		s := c.at[turn%len(c.at)]
		if turn%2 == 0 {
			c.until(t, client, operation{disallow, 0}, http.StatusNotFound, func() harness.Reply {
				return s.Call(t, http.MethodDelete, "/v1/machines/"+c.holder.ID+"/scopes/"+c.receiver.ID, s.InstanceKey, nil)
			})
		} else {
			c.until(t, client, operation{allow, 0}, http.StatusConflict, func() harness.Reply {
				return s.Call(t, http.MethodPost, "/v1/machines/"+c.holder.ID+"/scopes", s.InstanceKey, harness.Fields{"to_machine_id": c.receiver.ID})
			})
		}
		time.Sleep(between(0, 15*time.Millisecond))
	}
}

func (c *contest) revoke(t *testing.T, client, token int) {
	s := c.at[(token+1)%len(c.at)]
	c.until(t, client, operation{revoke, token}, http.StatusOK, func() harness.Reply {
		return s.Revoke(t, c.holder.SecretKey, c.tokens[token].ID)
	})
}

// until repeats a change until the answer says that it happened, at some moment since the first attempt. After a "cannot tell", done is
// what says so.
func (c *contest) until(t *testing.T, client int, op operation, done int, attempt func() harness.Reply) {
	from := c.now()
	for tried := 0; ; tried++ {
		r := attempt()
		switch {
		case r.Status == http.StatusOK, tried > 0 && r.Status == done:
			c.enter(client, op, from, false)
			for _, at := range c.at { // whoever knows first asks first: the youngest question that an old answer could be given to
				c.verify(t, client, at, op.token)
			}
			return
		case r.Status != http.StatusServiceUnavailable || tried > 100:
			t.Errorf("a change was answered with %d: %s", r.Status, r.Body)
			return
		}
	}
}
