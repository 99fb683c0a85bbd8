package gateways

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// service is what the gateway protects. It keeps every request that reaches it.
type service struct {
	address string // 127.0.0.1:port

	mu   sync.Mutex
	seen []seen
}

// seen is a request as the service got it.
type seen struct {
	method, uri, body string
	header            http.Header
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the service reads a body: %v", err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, seen{r.Method, r.RequestURI, string(body), r.Header})
		s.mu.Unlock()
		_, _ = io.WriteString(w, "served")
	}))
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

// take gives the requests that arrived since it was last called.
func (s *service) take() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.seen
	s.seen = nil
	return out
}

// named gives every value of the headers whose name begins so, as a service sees them that does not tell "_" from "-", nor case.
func (s seen) named(prefix string) map[string][]string {
	out := map[string][]string{}
	for name, values := range s.header {
		folded := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if strings.HasPrefix(folded, prefix) {
			out[folded] = slices.Concat(out[folded], values)
		}
	}
	return out
}
