package httpapi

import (
	"net/http"
	"testing"
	"time"
)

// R57: per credential and per address, before anyone is asked; a batch counts its tokens.
func TestRateLimitsAnswer429WithRetryAfter(t *testing.T) {
	clock := noon
	now := func(d *Deps) { d.Now = func() time.Time { return clock } }
	w := newWorld(t, now, func(d *Deps) { d.Limits.PerCredential = 3 })
	for range 3 {
		wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`), 200)
	}
	asked := w.tokens.asked
	got := w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"`+goodToken.Reveal()+`"}`)
	wantError(t, got, 429, "too_many_requests", "")
	if got.Header().Get("Retry-After") != "1" || w.tokens.asked != asked {
		t.Errorf("Retry-After %q, service asked: %v", got.Header().Get("Retry-After"), w.tokens.asked != asked)
	}
	wantStatus(t, w.call("GET", "/v1/machines", instanceKey, ""), 200) // another credential is another party
	clock = clock.Add(time.Second)
	wantStatus(t, w.call("POST", "/m2m_tokens/verify_batch", secretB, `{"tokens":["a","b","c"]}`), 200)
	wantStatus(t, w.call("POST", "/m2m_tokens/verify", secretB, `{"token":"a"}`), 429)

	guess := func(r *http.Request) { r.Header.Set("Authorization", "Bearer sk_guess") }
	for range 3 { // who is refused counts too
		wantStatus(t, w.call("GET", "/v1/machines", "", "", guess), 401)
	}
	wantStatus(t, w.call("GET", "/v1/machines", "", "", guess), 429)
}

// R57
func TestRateLimitsCountAddresses(t *testing.T) {
	w := newWorld(t, func(d *Deps) { d.Limits.PerAddress = 2 })
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address }
	}
	for _, c := range []struct {
		address string
		want    int
	}{
		{"192.0.2.1:1", 200},
		{"192.0.2.1:2", 200},
		{"192.0.2.1:3", 429},
		{"192.0.2.2:1", 200},
		{"[::ffff:192.0.2.1]:4", 429},
		{"[2001:db8::1]:1", 200},
		{"[2001:db8::2]:1", 200},
		{"[2001:db8::3]:1", 429},
		{"[2001:db8:0:1::3]:1", 200},
	} {
		wantStatus(t, w.call("GET", "/v1/jwks", "", "", from(c.address)), c.want)
	}
	wantStatus(t, w.call("GET", "/healthz", "", "", from("192.0.2.1:9")), 200)
	wantStatus(t, w.call("GET", "/nothing", "", "", from("192.0.2.1:9")), 429)
}

// R57: strangers cannot make it grow without bound, nor push out a party that keeps coming.
func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter[int](2)
	for i := range 5 * maxParties {
		_ = l.take(i, noon, 1)
		if i%(maxParties/2) == 0 {
			if err := l.take(-1, noon, 1); err == nil && i > 2*maxParties {
				t.Fatal("the bucket of a regular party was forgotten")
			}
		}
	}
	if n := len(l.young) + len(l.old); n > 2*maxParties {
		t.Errorf("%d parties are remembered", n)
	}
}
