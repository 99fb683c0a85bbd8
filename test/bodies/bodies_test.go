package bodies

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/test/harness"
)

const least = 300 // R56

// call is one address that reads a body, and whose credential opens it.
type call struct {
	method, path, bearer string
	fields               []string
	others               string // members that stand beside a field, so that it is the one that counts
}

// fresh stands in a path for the id of a token that is minted for each request: a second revocation writes nothing.
const fresh = "FRESH"

// calls are all addresses that read a body. Their machines and tokens are real, so that what passes the parser goes on to the
// database.
func calls(t *testing.T, s *harness.Server) []call {
	t.Helper()
	b := s.NewMachine(t, "B")
	a := s.NewMachine(t, "A", b)
	c := s.NewMachine(t, "C") // a's secret will be rotated
	machine := "/v1/machines/" + a.ID
	created := []string{"name", "scoped_machines", "default_token_ttl", "default_token_format", "public_jwk"}
	minted := []string{"token_format", "seconds_until_expiration", "claims", "min_remaining_ttl_seconds"}
	return []call{
		{http.MethodPost, "/v1/machines", s.InstanceKey, created[:1], ``},
		{http.MethodPost, "/v1/machines", s.InstanceKey, created[1:], `"name":"x",`},
		{http.MethodPatch, machine, s.InstanceKey, append(slices.Delete(slices.Clone(created), 1, 2), "unknown"), ``},
		{http.MethodPost, machine + "/secret_key/rotate", s.InstanceKey, []string{"previous_token_ttl"}, ``},
		{http.MethodPost, machine + "/scopes", s.InstanceKey, []string{"to_machine_id"}, ``},
		{http.MethodPost, "/m2m_tokens", b.SecretKey, minted, ``},
		{http.MethodPost, "/m2m_tokens", b.SecretKey, []string{"claims"}, `"token_format":"jwt",`},
		{http.MethodPost, "/m2m_tokens", b.SecretKey, []string{"claims"}, `"min_remaining_ttl_seconds":5,`},
		{http.MethodPost, "/m2m_tokens/verify", b.SecretKey, []string{"token", "secret"}, ``},
		{http.MethodPost, "/m2m_tokens/verify_batch", b.SecretKey, []string{"tokens"}, ``},
		{http.MethodPost, "/m2m_tokens/" + string(m2m.NewTokenID()) + "/revoke", s.InstanceKey, []string{"revocation_reason"}, ``},
		{http.MethodPost, "/m2m_tokens/" + fresh + "/revoke", c.SecretKey, []string{"revocation_reason"}, ``},
	}
}

// R54, R56: as bodies.
func TestNoBodyYieldsAServerError(t *testing.T) {
	t.Parallel()
	bodies := append(values(), violations()...)
	if len(bodies) < least {
		t.Fatalf("%d bodies, want at least %d", len(bodies), least)
	}
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		for _, c := range calls(t, s) {
			each(bodies, func(body string) {
				r := c.ask(t, s, body)
				judge(t, c, body, r)
				if !acceptable(body) && r.Status < 400 {
					t.Errorf("%s %s took %.80q: %d", c.method, c.path, body, r.Status)
				}
			})
		}
		settled(t, s)
	})
}

// R24, R56: as the values of every field, claims among them.
func TestNoValueOfAFieldYieldsAServerError(t *testing.T) {
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		var list []string
		for _, v := range append(values(), violations()...) {
			if len(v) < 20<<10 {
				list = append(list, v)
			}
		}
		for _, c := range calls(t, s) {
			for _, field := range c.fields {
				each(list, func(v string) {
					body := `{` + c.others + `"` + field + `":` + v + `}`
					r := c.ask(t, s, body)
					judge(t, c, body, r)
					if (!json.Valid([]byte(body)) || !utf8.ValidString(body)) && r.Status < 400 {
						t.Errorf("%s %s took %.80q: %d", c.method, c.path, body, r.Status)
					}
				})
			}
		}
		settled(t, s)
	})
}

// R19, R56: as query parameters and parts of the path, where the strings of the corpus can stand too.
func TestNoQueryOrPathYieldsAServerError(t *testing.T) {
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		m := s.NewMachine(t, "m")
		list := []string{"", "%", "%zz", "%00", "%ff", "%c0%80", "%ed%a0%80", "%u0041", "a&b=;c", "+", "%20", "%2e%2e%2f", "..", "//", "%5c", "%25", "_", "*"}
		for _, v := range append(values(), violations()...) {
			if len(v) < 4<<10 {
				list = append(list, url.QueryEscape(v), url.QueryEscape(strings.Trim(v, `"`)))
			}
		}
		for _, prefix := range []string{
			"/v1/machines?query=", "/v1/machines?order_by=", "/v1/machines?limit=", "/v1/machines?offset=", "/v1/machines?", "/v1/machines/",
			"/v1/machines/" + m.ID + "/", "/m2m_tokens?subject=", "/m2m_tokens?subject=" + m.ID + "&limit=", "/m2m_tokens?subject=" + m.ID + "&revoked=",
			"/v1/audit?action=", "/v1/audit?target=", "/v1/audit?before=", "/v1/usage?start=", "/v1/usage?start=2026-01-01T00:00:00Z&end=",
			"/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&group_by=", "/", "/.well-known/",
		} {
			each(list, func(v string) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Base, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.URL.Opaque = "//" + strings.TrimPrefix(s.Base, "http://") + prefix + v // as it is, with every fault of its escapes
				req.Header.Set("Authorization", "Bearer "+s.InstanceKey)
				r := s.Send(t, req)
				if r.Status >= 500 {
					t.Errorf("GET %s%.80s: %d %s", prefix, v, r.Status, r.Body)
				}
			})
		}
		settled(t, s)
	})
}

// ask sends a body. A busy machine may answer 503 to anything: what is the input's fault is so again.
func (c call) ask(t *testing.T, s *harness.Server, body string) harness.Reply {
	t.Helper()
	if before, after, found := strings.Cut(c.path, fresh); found {
		c.path = before + s.Mint(t, c.bearer, nil).ID + after
	}
	r := s.Call(t, c.method, c.path, c.bearer, body)
	for again := 0; r.Status == http.StatusServiceUnavailable && again < 3; again++ {
		time.Sleep(time.Second) // as Retry-After asks
		r = s.Call(t, c.method, c.path, c.bearer, body)
	}
	return r
}

// judge holds an answer to what every answer has to be.
func judge(t *testing.T, c call, body string, r harness.Reply) {
	t.Helper()
	switch {
	case r.Status >= 500:
		t.Errorf("%s %s with %.120q: %d %s", c.method, c.path, body, r.Status, r.Body)
	case r.Status >= 400:
		r.Fault(t)
	case !json.Valid(r.Body):
		t.Errorf("%s %s with %.120q: an answer that is not JSON: %s", c.method, c.path, body, r.Body)
	}
}

// acceptable tells whether a whole body may be taken at all: one valid JSON object, or what stands for none.
func acceptable(body string) bool {
	trimmed := strings.Trim(body, " \t\r\n")
	if trimmed == "" || trimmed == "null" {
		return true
	}
	return strings.HasPrefix(trimmed, "{") && json.Valid([]byte(body)) && utf8.ValidString(body)
}

// settled checks that the server still does its work after all this.
func settled(t *testing.T, s *harness.Server) {
	t.Helper()
	b := s.NewMachine(t, "after")
	a := s.NewMachine(t, "after", b)
	s.Verify(t, b.SecretKey, s.Mint(t, a.SecretKey, nil).Token).Want(t, http.StatusOK)
	s.Call(t, http.MethodGet, "/v1/machines?limit=500", s.InstanceKey, nil).Want(t, http.StatusOK)
	s.Call(t, http.MethodGet, "/v1/audit?limit=500", s.InstanceKey, nil).Want(t, http.StatusOK)
}

// each runs f on every element, four at a time.
func each(list []string, f func(string)) {
	queue := make(chan string, len(list)) // nobody waits for a worker that a fatal fault has ended
	for _, v := range list {
		queue <- v
	}
	close(queue)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for v := range queue {
				f(v)
			}
		})
	}
	wg.Wait()
}
