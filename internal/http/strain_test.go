package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

const batchPath = "/m2m_tokens/verify_batch"

// promised is a request whose header promises more than its body brings.
func promised(body io.Reader, length int64) *http.Request {
	r := httptest.NewRequest("POST", batchPath, body)
	r.ContentLength = length
	r.Header.Set("Content-Type", "application/json")
	return r
}

// R53: memory comes with the bytes, not with a header.
func TestAPromisedLengthTakesNoMemory(t *testing.T) {
	for sent, most := range map[int]int{0: 16 << 10, 10 << 10: 64 << 10, 200 << 10: 900 << 10} {
		var buffer bytes.Buffer
		err := readBody(&buffer, promised(strings.NewReader(strings.Repeat(" ", sent)), batchCap), batchCap)
		if !errors.Is(err, errMalformed) || buffer.Cap() > most {
			t.Errorf("%d bytes came: %d held, %v", sent, buffer.Cap(), err)
		}
	}
	whole := strings.Repeat("0123456789abcdef", batchCap/16)
	var buffer bytes.Buffer
	if err := readBody(&buffer, promised(strings.NewReader(whole), batchCap), batchCap); err != nil || buffer.String() != whole {
		t.Errorf("a body of the promised length: %d bytes, %v", buffer.Len(), err)
	}
}

func TestBuffersThatGrewLargeAreNotKept(t *testing.T) {
	a := &api{}
	a.buffers.New = func() any { return new(bytes.Buffer) }
	for range 100 {
		a.giveBack(bytes.NewBuffer(make([]byte, 0, 64<<10)))
	}
	if b, _ := a.buffers.Get().(*bytes.Buffer); b.Cap() > 0 {
		t.Errorf("a buffer of %d bytes was kept", b.Cap())
	}
	a.batchAnswers.New = func() any { return new([]byte) }
	for range 100 {
		a.keepAnswer(new(make([]byte, 0, answerKept+1)))
	}
	if b, _ := a.batchAnswers.Get().(*[]byte); cap(*b) > 0 {
		t.Errorf("an answer of %d bytes was kept", cap(*b))
	}
}

// R17: answers to batches share memory, one after the other; nothing of one may be in another.
func TestAnAnswerHoldsNothingOfTheOneBefore(t *testing.T) {
	w := newWorld(t)
	ask := func(tokens string) string {
		t.Helper()
		got := w.call("POST", "/m2m_tokens/verify_batch", secretB, `{"tokens":[`+tokens+`]}`)
		if got.Code != 200 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		return got.Body.String()
	}
	good := `"` + goodToken.Reveal() + `"`
	questions := []string{`"x"`, good, good + `,"x"`, `"x"` + strings.Repeat(","+good, 99)}
	alone := make([]string, len(questions))
	for i, q := range questions {
		alone[i] = ask(q)
	}
	if !strings.Contains(alone[1], string(tokenID)) || strings.Contains(alone[0], string(tokenID)) {
		t.Fatal("this compares nothing", alone[:2])
	}
	var callers sync.WaitGroup
	for n := range 4 {
		callers.Go(func() {
			for i := range 50 {
				at := (i + n) % len(questions)
				if got := ask(questions[at]); got != alone[at] {
					t.Errorf("question %d: %d bytes, not the %d of before", at, len(got), len(alone[at]))
				}
			}
		})
	}
	callers.Wait()
}

// untouched is a body that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// An exchange is used again only when its handler says that nobody kept it, and then nothing of the one before is in it.
func TestAnExchangeHoldsNothingOfTheOneBefore(t *testing.T) {
	a := newAPI(newWorld(t).deps)
	kept := &exchange{trace: "t", unproven: secretA}
	a.forget(kept)
	if kept.trace != "t" {
		t.Error("an exchange that somebody may have kept was used again")
	}
	gone := &exchange{
		conn: &conn{}, lent: &lent{}, area: area{oauth: true}, trace: "t", start: noon, kind: m2m.Operator, machine: idA, cause: m2m.ErrBusy, reason: "r",
		unproven: secretA, client: "c", asserted: &machines.Proven{}, machineOnly: true, over: true,
	}
	a.forget(gone)
	if *gone != (exchange{}) {
		t.Errorf("left: %+v", gone)
	}
}

// Behind verifications, which use the memory of exchanges again, any request is answered and logged as if it were the first.
func TestARequestBehindAVerificationIsAnsweredAsIfAlone(t *testing.T) {
	good := `{"token":"` + goodToken.Reveal() + `"}`
	seen := func(w *world, method, path string, who secret.Text, body string) string {
		before := len(w.log.String())
		got := w.call(method, path, who, body)
		trace, log := got.Header().Get(traceHeader), w.log.String()[before:]
		if trace == "" || !strings.Contains(log, trace) {
			t.Errorf("%s: trace %q, log %s", path, trace, log)
		}
		log = log[strings.Index(log, `"level"`):] // behind the time of the line
		return strings.ReplaceAll(fmt.Sprint(got.Code, got.Header(), got.Body, log), trace, "TRACE")
	}
	for _, r := range []struct {
		method, path string
		who          secret.Text
		body         string
	}{
		{"POST", "/m2m_tokens/verify", secretB, good},
		{"POST", "/m2m_tokens/verify", secretB, `{"token":"x"}`},
		{"POST", "/m2m_tokens/verify", "", good},
		{"POST", "/m2m_tokens/verify", newSecret, `{`},
		{"POST", "/m2m_tokens/verify_batch", secretB, `{"tokens":["x"]}`},
		{"POST", "/oauth2/introspect", secretB, "{}"},
		{"GET", "/v1/machines", instanceKey, ""},
		{"GET", "/healthz", "", ""},
		{"GET", "/nowhere", "", ""},
	} {
		want := seen(newWorld(t), r.method, r.path, r.who, r.body)
		w := newWorld(t)
		for range 8 { // the race detector forgets what pools hold, now and then
			wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, good), 200)
			if got := seen(w, r.method, r.path, r.who, r.body); got != want {
				t.Errorf("%s %s:\n%s\nand alone\n%s", r.method, r.path, got, want)
			}
		}
	}
}

// Whoever reads a body is told its length beforehand, by net/http or by us.
func TestEveryAnswerTellsItsLength(t *testing.T) {
	a := newAPI(newWorld(t).deps)
	e := a.engine()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Handle(method, "/long/:n", a.probe(func(x *exchange) error {
			n, err := strconv.Atoi(x.c.Param("n"))
			x.send(http.StatusOK, make([]byte, n))
			return err
		}))
	}
	server := httptest.NewServer(e)
	defer server.Close()
	for _, n := range []int{1, netHTTPTells - 1, netHTTPTells, netHTTPTells + 1, 100_000} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/long/"+strconv.Itoa(n), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.ContentLength != int64(n) || len(resp.TransferEncoding) > 0 {
				t.Errorf("%s of %d bytes: length %d, encoding %q", method, n, resp.ContentLength, resp.TransferEncoding)
			}
		}
	}
}

func TestLargeBatchOfNobodyIsNotRead(t *testing.T) {
	w := newWorld(t)
	for _, length := range []int64{smallBatch + 1, batchCap, -1} {
		r := promised(untouched{t}, length)
		r.Header.Set("Authorization", "Bearer "+secret.New(secret.MachineSecret).Reveal())
		out := httptest.NewRecorder()
		w.handler.ServeHTTP(out, r)
		wantError(t, out, 401, "machine_secret_key_invalid", "")
	}
}

// R58: bodies of batches have bounded memory; whoever does not get any is told so within a second, and it comes back.
func TestMemoryForBatchesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		send := func(body io.Reader) int {
			r := promised(body, batchCap)
			r.Header.Set("Authorization", "Bearer "+secretB.Reveal())
			out := httptest.NewRecorder()
			w.handler.ServeHTTP(out, r)
			return out.Code
		}
		var slow sync.WaitGroup
		var ends []*io.PipeWriter
		for range batchMemory / batchCap {
			body, end := io.Pipe()
			ends = append(ends, end)
			slow.Go(func() { send(body) })
		}
		synctest.Wait()
		start := time.Now()
		if got := send(untouched{t}); got != 503 || time.Since(start) > time.Second {
			t.Errorf("one too many: %d after %v", got, time.Since(start))
		}
		for _, end := range ends {
			_ = end.CloseWithError(io.ErrUnexpectedEOF)
		}
		slow.Wait()
		if got := send(strings.NewReader(`{"tokens":["x"]}` + strings.Repeat(" ", batchCap-16))); got != 200 {
			t.Errorf("afterwards: %d", got)
		}
	})
}

// stuckMachines and stuckTokens never answer by themselves, like a database that has been stopped.
type stuckMachines struct{ *fakeMachines }

func (stuckMachines) Authenticate(ctx context.Context, _ secret.Text) (m2m.Caller, error) {
	<-ctx.Done()
	return m2m.Caller{}, ctx.Err()
}

type stuckTokens struct{ *fakeTokens }

func (stuckTokens) Issue(ctx context.Context, _ secret.Text, _ tokens.Request) (tokens.Issued, error) {
	<-ctx.Done()
	return tokens.Issued{}, ctx.Err()
}

// Only verifications and reports, whose services end by themselves, may take longer than requestTimeout.
func TestEveryRequestEndsThoughTheDatabaseDoesNotAnswer(t *testing.T) {
	w := newWorld(t, func(d *Deps) {
		d.Machines = stuckMachines{&fakeMachines{}}
		d.Tokens = stuckTokens{&fakeTokens{}}
	})
	for _, r := range append(adminRoutes(), tokenRoutes()...) {
		if strings.Contains(r[1], "/verify") {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			got := w.call(r[0], r[1], instanceKey, r[2])
			wantError(t, got, 503, "service_unavailable", "")
			if took := time.Since(start); took > requestTimeout || got.Header().Get("Retry-After") == "" {
				t.Errorf("%s %s: after %v", r[0], r[1], took)
			}
		})
	}
}

// R57: a batch larger than the rate passes when nothing else was asked in its second, and takes the whole second.
func TestABatchLargerThanTheRatePasses(t *testing.T) {
	clock := noon
	for name, limits := range map[string]Limits{"credential": {PerCredential: 100}, "address": {PerAddress: 100}, "one": {PerCredential: 1}} {
		w := newWorld(t, func(d *Deps) { d.Limits, d.Now = limits, func() time.Time { return clock } })
		batch := `{"tokens":["x"` + strings.Repeat(`,"x"`, maxBatch-1) + `]}`
		for range 3 {
			wantStatus(t, w.call("POST", batchPath, secretB, batch), 200)
			again := w.call("POST", batchPath, secretB, batch)
			if again.Code != 429 || again.Header().Get("Retry-After") != "1" {
				t.Errorf("%s: at once again: %d", name, again.Code)
			}
			clock = clock.Add(time.Second)
		}
	}
}

// Signatures cost much more than hashes: a stranger gets few of them checked in one request.
func TestManySignaturesAreCheckedOnlyForWhoMayAsk(t *testing.T) {
	batch := func(n int) string { return `{"tokens":["a.b.c"` + strings.Repeat(`,"a.b.c"`, n-1) + `]}` }
	for _, c := range []struct {
		who                    secret.Text
		n                      int
		status, served, looked int
	}{
		{secret.New(secret.MachineSecret), fewJWTs, 401, 1, 0},
		{secret.New(secret.MachineSecret), fewJWTs + 1, 401, 0, 1},
		{secretB, fewJWTs + 1, 200, 1, 1},
		{secretB, fewJWTs, 200, 1, 0},
	} {
		w := newWorld(t)
		got := w.call("POST", batchPath, c.who, batch(c.n))
		if got.Code != c.status || w.tokens.asked != c.served || w.machines.asked != c.looked {
			t.Errorf("%d JWTs: %d, %d batches served, %d callers looked up: want %+v", c.n, got.Code, w.tokens.asked, w.machines.asked, c)
		}
	}
}

// Whoever is nobody learns nothing about requests, not even that one is malformed.
func TestNobodyIsToldSoEvenWithABadBody(t *testing.T) {
	paths := map[string][]string{
		"":        {`{"naem":1}`, `[`, `{"token":"` + strings.Repeat("x", batchCap) + `"}`},
		"/verify": {`{"tokn":1}`, `[`, strings.Repeat(" ", verifyCap+1)}, "/verify_batch": {`{"tokn":1}`, `{"tokens":[]}`, `[`},
	}
	for path, bodies := range paths {
		for _, body := range bodies {
			w := newWorld(t)
			name := fmt.Sprintf("%s %.20s", path, body)
			for _, who := range []secret.Text{"ak_nonsense", secret.New(secret.MachineSecret)} {
				got := w.call("POST", "/m2m_tokens"+path, who, body)
				if wantError(t, got, 401, "machine_secret_key_invalid", ""); t.Failed() {
					t.Fatal(name)
				}
			}
			if got := w.call("POST", "/m2m_tokens"+path, secretB, body); got.Code != 400 && got.Code != 413 {
				t.Errorf("%s: somebody gets %d", name, got.Code)
			}
			want := 401
			if path != "" {
				want = w.call("POST", "/m2m_tokens"+path, secretB, body).Code
			}
			if got := w.call("POST", "/m2m_tokens"+path, instanceKey, body); got.Code != want {
				t.Errorf("%s: the operator gets %d, want %d", name, got.Code, want)
			}
		}
	}
	// A bad body is one whether or not the callers can be looked up.
	w := newWorld(t, func(d *Deps) { d.Machines = stuckMachines{&fakeMachines{}} })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	left := func(r *http.Request) { *r = *r.WithContext(gone) }
	wantError(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"tokn":1}`, left), 400, "request_body_invalid", "tokn")
}
