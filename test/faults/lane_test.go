//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// lane is one client on one connection: it creates and verifies tokens of both formats, one request after the other, and remembers
// every creation that was acknowledged. Its machine may call itself, so it holds the tokens and receives them.
type lane struct {
	book    *ledger
	machine harness.Machine
	at      *atomic.Pointer[harness.Server] // the process it talks to
	turn    int
	tokens  map[string][]harness.Token // by format
}

func newLane(t *testing.T, book *ledger, at *atomic.Pointer[harness.Server]) *lane {
	t.Helper()
	s := at.Load()
	m := s.NewMachine(t, "lane")
	s.Allow(t, m, m)
	return &lane{book: book, machine: m, at: at, tokens: map[string][]harness.Token{}}
}

// drive sends requests until done is closed.
func (l *lane) drive(t *testing.T, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
			l.step(t)
		}
	}
}

// driveAll runs lanes until the function that it gives is called, which waits for them.
func driveAll(t *testing.T, lanes []*lane) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	for _, l := range lanes {
		running.Go(func() { l.drive(t, done) })
	}
	return sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
}

var formats = []string{"opaque", "jwt"}

// step is the next request of a fixed round: creations of both formats, verifications of good tokens and of bad ones, batches.
func (l *lane) step(t *testing.T) {
	l.turn++
	format := formats[l.turn%2]
	switch l.turn % 10 {
	case 0, 1, 2, 3:
		l.create(t, format)
	case 4:
		l.verifyBad(t)
	case 5, 6:
		l.verifyBatch(t)
	default:
		l.verify(t, format)
	}
}

func (l *lane) create(t *testing.T, format string) bool {
	asked := counts{line{l.machine.ID, "create", format}: 1}
	body := l.ask(t, "/v1/m2m_tokens", harness.Fields{"token_format": format}, http.StatusCreated, asked)
	if body == nil {
		return false
	}
	var made harness.Token
	if err := json.Unmarshal(body, &made); err != nil || made.Token == "" {
		t.Errorf("a creation was answered with %s", body)
		return false
	}
	l.tokens[format] = append(l.tokens[format], made)
	l.book.acknowledge(asked)
	return true
}

func (l *lane) verify(t *testing.T, format string) bool {
	mine := l.tokens[format]
	if len(mine) == 0 {
		return l.create(t, format)
	}
	asked := counts{line{l.machine.ID, "verify", format}: 1}
	body := l.ask(t, "/v1/m2m_tokens/verify", harness.Fields{"token": mine[l.turn%len(mine)].Token}, http.StatusOK, asked)
	if body != nil {
		l.book.acknowledge(asked)
	}
	return body != nil
}

// verifyBad asks about what is no token: whatever becomes of it, it must not be billed.
func (l *lane) verifyBad(t *testing.T) {
	if body := l.ask(t, "/v1/m2m_tokens/verify", harness.Fields{"token": "mt_nothing"}, http.StatusOK, nil); body != nil {
		t.Errorf("accepted: %s", body)
	}
}

const batchSize = 40

// verifyBatch asks about a mixture: good tokens of both formats, the same one twice, and bad ones.
func (l *lane) verifyBatch(t *testing.T) bool {
	tokens := []string{"mt_nothing", ""}
	asked := counts{}
	for i := range batchSize {
		format := formats[i%2]
		if mine := l.tokens[format]; len(mine) > 0 {
			tokens = append(tokens, mine[(l.turn+i/4)%len(mine)].Token)
			asked[line{l.machine.ID, "verify", format}]++
		}
	}
	body := l.ask(t, "/v1/m2m_tokens/verify_batch", harness.Fields{"tokens": tokens}, http.StatusOK, asked)
	if body == nil {
		return false
	}
	var answer struct {
		Results []harness.Token `json:"results"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Results) != len(tokens) {
		t.Errorf("a batch of %d was answered with %s", len(tokens), body)
		return false
	}
	seen := counts{}
	for _, r := range answer.Results {
		if r.ID != "" {
			seen[line{l.machine.ID, "verify", r.Format}]++
		}
	}
	for at, n := range asked {
		if seen[at] != n {
			t.Errorf("%v: %d of %d good tokens were accepted", at, seen[at], n)
		}
	}
	l.book.acknowledge(seen)
	return true
}

// ask makes one request and enters what became of it, but for an acknowledgement, of which the caller has to read the body: it gets one
// only if the status is the one that it wants.
func (l *lane) ask(t *testing.T, path string, fields harness.Fields, want int, asked counts) []byte {
	s := l.at.Load()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Errorf("encode: %v", err)
		return nil
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Base+path, bytes.NewReader(text))
	if err != nil {
		t.Errorf("make request: %v", err)
		return nil
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.machine.SecretKey)
	status, trace, body, err := send(s.HTTP, req)
	switch {
	case neverSent(err):
		l.book.refuse()
		time.Sleep(2 * time.Millisecond) // nobody listens at the moment
	case err != nil:
		l.book.lose(asked)
	case status == want:
		return body
	case status == http.StatusServiceUnavailable:
		l.book.doubt(doubt{server: s, trace: trace, counts: asked})
	case status == http.StatusNotFound && asked == nil:
		l.book.refuse()
	default:
		t.Errorf("%s: status %d: %s", path, status, body)
	}
	return nil
}

// send gives an answer that was read to its end, or an error. net/http repeats a POST by itself only where nothing of it was written.
func send(client *http.Client, req *http.Request) (status int, trace string, body []byte, err error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Clerk-Trace-Id"), body, err
}

// neverSent tells whether there was not even a connection.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
