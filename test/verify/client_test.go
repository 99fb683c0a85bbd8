package verify

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/dualmint/dualmint/client"
	"github.com/dualmint/dualmint/test/harness"
	"github.com/dualmint/dualmint/verify"
)

// The two ends of a call, with the issuer between them: a token that is revoked under way is replaced without the caller noticing.
func TestACallSurvivesTheRevocationOfItsToken(t *testing.T) {
	s := harness.New(t, harness.SQLite(t)).Start(t)
	b := s.NewMachine(t, "B")
	a := s.NewMachine(t, "A", b)
	v, err := verify.New(verify.Config{Issuer: s.Issuer, Machine: b.ID, Secret: b.SecretKey, Accept: verify.BothAskIssuer})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var last atomic.Pointer[verify.Grant]
	receiver := httptest.NewServer(v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g, _ := verify.FromContext(r.Context())
		last.Store(g)
	})))
	defer receiver.Close()
	for _, format := range []string{"opaque", "jwt"} {
		source, err := client.New(client.Config{Issuer: s.Issuer, Secret: a.SecretKey, TokenFormat: format})
		if err != nil {
			t.Fatal(err)
		}
		caller := &http.Client{Transport: source.Transport(nil)}
		call := func() int {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, receiver.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := caller.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		if got := call(); got != http.StatusOK || last.Load().Machine != a.ID {
			t.Fatalf("%s: status %d", format, got)
		}
		first := last.Load().ID
		s.Revoke(t, a.SecretKey, first).Want(t, http.StatusOK)
		if got := call(); got != http.StatusOK || last.Load().ID == first {
			t.Errorf("%s: after the revocation status %d with token %s", format, got, last.Load().ID)
		}
	}
	stranger, err := client.New(client.Config{Issuer: s.Issuer, Secret: "ak_" + a.SecretKey[4:] + "0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Token(t.Context()); !errors.Is(err, client.ErrRejected) {
		t.Errorf("a secret that nobody has: %v", err)
	}
}
