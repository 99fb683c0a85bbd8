package tokens

import (
	"context"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// askedStore counts what is asked of the store.
type askedStore struct {
	fakeStore
	asked []string
}

func (s *askedStore) Callers(ctx context.Context, h []secret.Hash) ([]m2m.Caller, error) {
	s.asked = append(s.asked, "callers")
	return s.fakeStore.Callers(ctx, h)
}

func (s *askedStore) CheckTokens(_ context.Context, checks []Check) ([]Verdict, error) {
	s.asked = append(s.asked, "check")
	out := make([]Verdict, len(checks))
	for i := range out {
		out[i].CallerKnown = true
	}
	return out, nil
}

func (s *askedStore) RecordTokens(ctx context.Context, r []NewRecord) ([]error, error) {
	s.asked = append(s.asked, "record")
	return s.fakeStore.RecordTokens(ctx, r)
}

// One verification asks the store once, and so do many: the caller is authenticated, the token looked up and counted in one call. A creation
// asks twice: who, then record.
func TestAVerificationIsOneQuestionToTheStore(t *testing.T) {
	w := newWorld(t)
	s := &askedStore{fakeStore: *w.store}
	w.Hot = s
	for name, c := range map[string]struct {
		call func()
		want int
	}{
		"a good one":   {func() { _, _ = w.Verify(t.Context(), "good", "mt_x") }, 1},
		"a bad one":    {func() { _, _ = w.Verify(t.Context(), "good", "nothing") }, 1},
		"a malformed":  {func() { _, _ = w.Verify(t.Context(), "good", "mt_bad") }, 1},
		"of a JWT":     {func() { _, _ = w.Verify(t.Context(), "good", "a.b.c") }, 1},
		"256 together": {func() { _, _ = w.VerifyAll(t.Context(), "good", make([]secret.Text, 256)) }, 1},
		"a creation":   {func() { _, _ = w.Issue(t.Context(), "good", Request{}) }, 2},
	} {
		s.asked = nil
		c.call()
		if len(s.asked) != c.want {
			t.Errorf("%s: the store is asked %q", name, s.asked)
		}
	}
}
