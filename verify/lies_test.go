package verify_test

import (
	"compress/gzip"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// impostor stands where the issuer stood: once it lies, connections to the issuer reach it instead.
type impostor struct {
	*httptest.Server
	issuer *verifytest.Issuer
	lies   atomic.Bool
	asked  atomic.Int64
	abroad atomic.Int64 // connections to anywhere else
}

func newImpostor(t *testing.T, lie func(http.ResponseWriter, *http.Request)) *impostor {
	t.Helper()
	i := &impostor{issuer: verifytest.NewIssuer(t)}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		lie(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

// config is the issuer's, over connections that the impostor can take over. The clock is ahead by what the second result holds.
func (i *impostor) config(t *testing.T) (verify.Config, *atomic.Int64) {
	t.Helper()
	ahead := new(atomic.Int64)
	c := i.issuer.Config()
	c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	c.Timeout = 300 * time.Millisecond
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		switch {
		case "http://"+addr != i.issuer.URL:
			i.abroad.Add(1)
		case i.lies.Load():
			addr = i.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	c.HTTPClient = &http.Client{Transport: transport}
	return c, ahead
}

// until goes on with what an endless lie is made of, as long as somebody listens.
func until(r *http.Request, w http.ResponseWriter, pause time.Duration, what string) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte(what)); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if pause > 0 {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
			}
		}
	}
}

// R32, R35: over real connections: an issuer that never comes to an end, sends its clients elsewhere or sends too much is a failure like
// any other. The last good set serves meanwhile without waiting, time and memory are bounded, and nobody else is asked.
func TestAnIssuerThatNeverEndsOrSendsElsewhere(t *testing.T) {
	good := verifytest.NewIssuer(t) // whose set would pass
	friend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, good.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer friend.Close()
	json := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/json") }
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request){
		"a slow drip": func(w http.ResponseWriter, r *http.Request) {
			json(w)
			_, _ = w.Write([]byte(`{"keys":[`))
			until(r, w, 5*time.Millisecond, " ")
		},
		"silence":           func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"silence after 200": func(w http.ResponseWriter, r *http.Request) { json(w); until(r, w, time.Hour, "{") },
		"without an end":    func(w http.ResponseWriter, r *http.Request) { json(w); until(r, w, 0, strings.Repeat(" ", 32<<10)) },
		"redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, good.URL+r.URL.Path, http.StatusFound)
		},
		"two redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, friend.URL+r.URL.Path, http.StatusPermanentRedirect)
		},
		"redirect to a file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///dev/zero", http.StatusFound)
		},
		"a bomb": func(w http.ResponseWriter, _ *http.Request) {
			json(w)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1 << 10 {
				if _, err := z.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
			_ = z.Close()
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			json(w)
			w.Header().Set("Content-Length", "4096")
			_, _ = w.Write([]byte(`{"keys":[]}`))
		},
		"a connection that ends": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			i := newImpostor(t, lie)
			c, ahead := i.config(t)
			v, cold := open(t, c), open(t, c)
			token := i.issuer.JWT(verifytest.Token{Life: 10 * time.Hour})
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			i.lies.Store(true)
			ahead.Store(int64(time.Hour)) // the set is no longer fresh
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for n := range 20 { // while the lie is being told
				if _, err := v.Verify(t.Context(), i.issuer.JWT(verifytest.Token{Life: time.Hour * time.Duration(n+2)})); err != nil {
					t.Errorf("with the last good set: %v", err)
				}
			}
			if _, err := cold.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) || errors.Is(err, t.Context().Err()) {
				t.Errorf("a verifier that knows nothing else: %v", err)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d bytes allocated by a server without end and its clients", grown)
			}
			if i.asked.Load() == 0 {
				t.Error("the lie was not told")
			}
			if i.abroad.Load() > 0 {
				t.Errorf("%d connections to another host", i.abroad.Load())
			}
			if n, _ := good.Asked(); n > 0 {
				t.Error("the other issuer was asked")
			}
			i.lies.Store(false)
			ahead.Store(int64(2 * time.Hour))
			if _, err := cold.Verify(t.Context(), token); err != nil {
				t.Errorf("once the issuer is itself again: %v", err)
			}
		})
	}
}

// R35, I6: while the issuer cannot be asked for its keys, a token of a key that we do not have is "cannot tell", and it is accepted as
// soon as the key can be had: an outage is not remembered against it.
func TestANewKeyDuringAnOutageIsCannotTell(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	if _, err := v.Verify(t.Context(), issuer.JWT(verifytest.Token{})); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate()
	token := issuer.JWT(verifytest.Token{Life: 10 * time.Hour})
	issuer.SetDown(true)
	by.Store(int64(time.Minute))
	for n := range 3 {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) {
			t.Errorf("attempt %d while the issuer is down: %v", n, err)
		}
	}
	issuer.SetDown(false)
	by.Store(int64(2 * time.Minute))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("once it is up: %v", err)
	}
}

// R33: whoever asks with other kids does not keep a new key from being found once the pause between fetches is over.
func TestStrangersKidsDoNotHideANewKey(t *testing.T) {
	issuer, stranger := verifytest.NewIssuer(t), verifytest.NewIssuer(t)
	v, by := ahead(t, issuer.Config())
	if _, err := v.Verify(t.Context(), issuer.JWT(verifytest.Token{})); err != nil {
		t.Fatal(err)
	}
	by.Store(int64(time.Minute))
	if _, err := v.Verify(t.Context(), stranger.JWT(verifytest.Token{})); !errors.Is(err, verify.ErrRefused) { // uses up the fetch
		t.Fatal(err)
	}
	issuer.Rotate()
	token := issuer.JWT(verifytest.Token{Life: 10 * time.Hour})
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) {
		t.Fatalf("within the pause: %v", err)
	}
	by.Store(int64(2 * time.Minute))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	if n, _ := issuer.Asked(); n != 3 {
		t.Errorf("%d fetches", n)
	}
}

// R33, R34: a kid that could never be one of ours is not worth a request.
func TestImpossibleKidsCauseNoFetch(t *testing.T) {
	f := newForge(t)
	v, by := ahead(t, f.issuer.Config())
	if _, err := v.Verify(t.Context(), f.good); err != nil {
		t.Fatal(err)
	}
	before, _ := f.issuer.Asked()
	by.Store(int64(2 * time.Minute)) // an unknown kid would cause one
	for _, kid := range []string{`"../../etc/passwd"`, `"' OR '1'='1"`, `"http://127.0.0.1/"`, `"a b"`, `""`, `1`, `null`, `"` + strings.Repeat("k", 65) + `"`} {
		if _, err := v.Verify(t.Context(), f.underKid(kid)); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("%s: %v", kid, err)
		}
	}
	if after, _ := f.issuer.Asked(); after != before {
		t.Errorf("%d fetches", after-before)
	}
	if _, err := v.Verify(t.Context(), f.underKid(`"unknown"`)); !errors.Is(err, verify.ErrRefused) {
		t.Error(err)
	}
	if after, _ := f.issuer.Asked(); after != before+1 {
		t.Errorf("a possible one caused %d", after-before)
	}
}
