package tokens

import (
	"context"
	"errors"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

type fakeFinder struct{ err error }

func (f fakeFinder) TokenID(_ context.Context, h secret.Hash) (m2m.TokenID, error) {
	if h != secret.HashOf("mt_known") {
		return "", m2m.ErrNotFound
	}
	return "id", f.err
}

func TestWhoeverHoldsATokenEndsItAndNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.Finder = fakeFinder{}
	holder := m2m.Caller{Machine: &m2m.Machine{ID: alpha}}
	for name, row := range map[string]struct {
		caller m2m.Caller
		token  secret.Text
		want   error
	}{
		"nobody":        {m2m.Caller{}, "mt_known", m2m.ErrUnauthenticated},
		"not the owner": {m2m.Caller{Machine: &m2m.Machine{ID: beta}}, "mt_known", m2m.ErrNotFound},
		"unknown":       {holder, "mt_other", m2m.ErrNotFound},
		"malformed":     {holder, "mt_bad", m2m.ErrNotFound},
		"no token":      {holder, "", m2m.ErrNotFound},
	} {
		if err := w.RevokeBearer(t.Context(), row.caller, m2m.Actor{}, row.token); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.store.revoked) != 0 {
		t.Fatalf("%d revoked", len(w.store.revoked))
	}
	for _, caller := range []m2m.Caller{holder, {Instance: true}} {
		if err := w.RevokeBearer(t.Context(), caller, m2m.Actor{}, "mt_known"); err != nil {
			t.Error(err)
		}
	}
	if len(w.store.revoked) != 2 {
		t.Errorf("%d revoked", len(w.store.revoked))
	}
	w.Finder = fakeFinder{m2m.ErrUnavailable}
	if err := w.RevokeBearer(t.Context(), holder, m2m.Actor{}, "mt_known"); !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, m2m.ErrNotFound) {
		t.Errorf("in trouble: %v", err)
	}
	if err := w.RevokeBearer(t.Context(), holder, m2m.Actor{}, "mt_dark"); err == nil || errors.Is(err, m2m.ErrNotFound) {
		t.Errorf("in the dark: %v", err)
	}
}
