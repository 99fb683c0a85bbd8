package access

import (
	"net/http"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

func (w world) rotate(t *testing.T, m harness.Machine, overlapSeconds int) string {
	t.Helper()
	var out struct{ Object, Secret string }
	w.Call(t, http.MethodPost, "/v1/machines/"+m.ID+"/secret_key/rotate", w.InstanceKey, harness.Fields{"previous_token_ttl": overlapSeconds}).
		Want(t, http.StatusOK).Into(t, &out)
	if out.Object != "machine_secret_key" || out.Secret == "" {
		t.Fatalf("rotation answered %q", out.Object)
	}
	return out.Secret
}

// works tells whether a machine secret still does, at every place that takes one.
func (w world) works(t *testing.T, key string, token harness.Token) bool {
	t.Helper()
	created := w.Call(t, http.MethodPost, "/m2m_tokens", key, harness.Fields{}).Status == http.StatusCreated
	verified := w.Verify(t, key, token.Token).Status == http.StatusOK
	listed := w.Call(t, http.MethodGet, "/m2m_tokens?subject="+w.b.ID, key, nil).Status == http.StatusOK
	if created != verified || verified != listed {
		t.Fatalf("a secret works in one place and not in another: create %v, verify %v, list %v", created, verified, listed)
	}
	return created
}

// R20
func TestTheOldSecretDiesWithTheRotationThatAllowsNoOverlap(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		token := w.mint(t, "opaque")
		for range 20 {
			old := w.b.SecretKey
			w.b.SecretKey = w.rotate(t, w.b, 0)
			if w.works(t, old, token) {
				t.Fatal("the old secret works after the rotation has answered")
			}
			if !w.works(t, w.b.SecretKey, token) {
				t.Fatal("the new secret does not work")
			}
		}
	})
}

// R20: the overlap is counted by the database's clock, which is this machine's. A request that began after the last instant
// at which the overlap could end must fail; one that ended before the first instant at which it could end must not.
func TestTheOldSecretLivesForTheOverlapAndNotOneRequestLonger(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		token := w.mint(t, "opaque")
		const overlap = 2 * time.Second
		old := w.b.SecretKey
		before := now()
		fresh := w.rotate(t, w.b, int(overlap/time.Second))
		after := now()
		accepted, late := 0, 0
		for late < 20 {
			began := now()
			status := w.Verify(t, old, token.Token).Status
			ended := now()
			switch {
			case status == http.StatusOK:
				accepted++
				if began.After(after.Add(overlap)) {
					t.Fatalf("accepted %v after the overlap", began.Sub(after.Add(overlap)))
				}
			case status != http.StatusUnauthorized:
				t.Fatalf("status %d", status)
			case ended.Before(before.Add(overlap)):
				t.Fatalf("refused %v before the end of the overlap", before.Add(overlap).Sub(ended))
			}
			if began.After(after.Add(overlap)) {
				late++
			}
		}
		if accepted == 0 {
			t.Error("the old secret never worked")
		}
		if !w.works(t, fresh, token) || w.works(t, old, token) {
			t.Error("after the overlap the new secret works, and the old one does not")
		}
	})
}

// R20: at most one previous secret.
func TestRotatingAgainDropsTheOlderSecretAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		token := w.mint(t, "opaque")
		first := w.b.SecretKey
		second := w.rotate(t, w.b, 28800)
		third := w.rotate(t, w.b, 28800)
		for name, c := range map[string]struct {
			key  string
			want bool
		}{"first": {first, false}, "second": {second, true}, "third": {third, true}} {
			if got := w.works(t, c.key, token); got != c.want {
				t.Errorf("%s secret works: %v, want %v", name, got, c.want)
			}
		}
		fourth := w.rotate(t, w.b, 0)
		if w.works(t, third, token) || w.works(t, second, token) || !w.works(t, fourth, token) {
			t.Error("a rotation without overlap leaves the new secret alone")
		}
	})
}

func TestRotationNeedsAnOverlapWithinBounds(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, body := range []string{
			``, `{}`, `null`, `{"previous_token_ttl":-1}`, `{"previous_token_ttl":28801}`, `{"previous_token_ttl":1.5}`,
			`{"previous_token_ttl":"60"}`, `{"previous_token_ttl":null}`, `{"previous_token_ttl":true}`, `{"previous_token_ttl":1e400}`,
		} {
			got := w.Call(t, http.MethodPost, "/v1/machines/"+w.b.ID+"/secret_key/rotate", w.InstanceKey, body)
			if got.Status != http.StatusUnprocessableEntity || got.Fault(t).Meta.ParamName != "previous_token_ttl" {
				t.Errorf("%s: %d %s", body, got.Status, got.Body)
			}
		}
		if !w.works(t, w.b.SecretKey, w.mint(t, "opaque")) {
			t.Error("a refused rotation touched the secret")
		}
	})
}
