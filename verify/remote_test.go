package verify_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// I5: a call that is under way answers those alone who asked before it was sent: whoever asks after a revocation is answered by a later
// one, although the earlier one would say yes.
func TestAQuestionAfterARevocationIsNotAnsweredByAnEarlierCall(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	held, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	config := issuer.Config()
	config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if calls.Add(1) == 1 { // the issuer has said yes, and the answer is on its way
			close(held)
			<-release
		}
		return resp, err
	})}
	v := open(t, config)
	token := issuer.Opaque(verifytest.Token{})
	early := make(chan error)
	go func() {
		_, err := v.Verify(context.WithoutCancel(t.Context()), token)
		early <- err
	}()
	<-held
	issuer.Revoke(token)
	if g, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("asked after the revocation: %+v, %v", g, err)
	}
	close(release)
	if err := <-early; err != nil {
		t.Errorf("asked before it: %v", err)
	}
}

// Connections are kept: however many tokens are asked about, there are no more than calls at a time.
func TestCallsShareConnections(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	var dialled atomic.Int64
	config := issuer.Config()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	defer transport.CloseIdleConnections()
	config.HTTPClient = &http.Client{Transport: transport}
	v := open(t, config)
	token := issuer.Opaque(verifytest.Token{})
	for round := range 50 {
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if round == 25 { // answers that are no good must not cost their connections either
			issuer.SetDown(true)
			for range 20 {
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) {
					t.Error(err)
				}
			}
			issuer.SetDown(false)
		}
	}
	if n := dialled.Load(); n > 4 { // net/http may dial one more than it needs, for each call under way
		t.Errorf("%d connections", n)
	}
}

// An issuer that does not answer, or never ends its answer, is "cannot tell" once the deadline has passed.
func TestAnIssuerThatDoesNotAnswerIsCannotTell(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"silence":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a slow drip": func(w http.ResponseWriter, r *http.Request) { until(r, w, 5*time.Millisecond, " ") },
		"no end":      func(w http.ResponseWriter, r *http.Request) { until(r, w, 0, strings.Repeat(" ", 32<<10)) },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = http.MaxBytesReader(w, r.Body, 1<<20).Read(make([]byte, 1<<20)) // the server notices an end of the connection only then
			answer(w, r)
		}))
		v, err := verify.New(verify.Config{
			Issuer: server.URL, Machine: verifytest.Receiver, Secret: secret.New(secret.MachineSecret).Reveal(), Timeout: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		if g, err := v.Verify(t.Context(), secret.New(secret.OpaqueToken).Reveal()); !errors.Is(err, verify.ErrUnavailable) || g != nil {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
		v.Close()
		server.Close()
	}
}
