//go:build !race

// The race detector makes pools forget at random, so what is pinned here holds without it only.

package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// instantStore knows one token, and allocates nothing that the service has not asked for.
type instantStore struct {
	tokens.HotStore
	record   m2m.Record
	verdicts []tokens.Verdict
}

func (s *instantStore) CheckTokens(_ context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	return s.verdicts[:len(checks)], nil
}

// From the handler to the batch and back: edge, service, mode, grouping, all real. The number is what each of them needs; raise it
// only with a reason.
func TestAVerificationAllocatesLittleAllTheWayToItsBatch(t *testing.T) {
	store := &instantStore{record: m2m.Record{
		Grant:  m2m.Grant{ID: tokenID, Machine: idA, Scopes: m2m.Scopes{idB}, IssuedAt: noon, ExpiresAt: noon.Add(time.Hour)},
		Format: m2m.Opaque, CreatedAt: noon, UpdatedAt: noon,
	}}
	store.verdicts = []tokens.Verdict{{CallerKnown: true, Record: &store.record}}
	grouped := tokens.NewGrouped(store, tokens.GroupOptions{Workers: 2, MaxQueue: 64}, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- grouped.Run(ctx) }()
	w := newWorld(t, func(d *Deps) {
		d.Logger = slog.New(slog.DiscardHandler)
		d.Tokens = tokens.New(tokens.Deps{Hot: grouped, Opaque: opaque.New(), Now: time.Now})
	})
	body := `{"token":"` + secret.New(secret.OpaqueToken).Reveal() + `"}`
	reader := strings.NewReader(body)
	req := httptest.NewRequest("POST", "/m2m_tokens/verify", nil)
	req.ContentLength = int64(len(body))
	req.Header = http.Header{"Authorization": {"Bearer " + secretB.Reveal()}, "Content-Type": {"application/json"}}
	out := &discard{header: http.Header{}}
	got := testing.AllocsPerRun(500, func() {
		reader.Reset(body)
		req.Body = readCloser{reader}
		clear(out.header)
		w.handler.ServeHTTP(out, req)
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if out.status != 200 {
		t.Fatalf("status %d", out.status)
	}
	t.Logf("%.0f allocations", got)
	if got > 13 {
		t.Errorf("%.0f allocations for one verification", got)
	}
}
