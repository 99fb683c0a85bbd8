package access

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// values are all kinds of value that a client can hold, by what each is good for.
func (w world) values(t *testing.T) map[string]string {
	t.Helper()
	opaque, jwt := w.mint(t, "opaque"), w.mint(t, "jwt")
	return map[string]string{
		"opaque token": opaque.Token, "JWT": jwt.Token, "token id": opaque.ID, "JWT id": jwt.ID, "machine id": w.a.ID,
		"instance id": w.a.InstanceID, "machine secret": w.a.SecretKey, "instance key": w.InstanceKey,
	}
}

// R2: a value of one kind presented as another is refused exactly like an unknown value of the right kind.
func TestAValueOfOneKindIsNothingWhereAnotherIsAsked(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for place, p := range map[string]struct {
			unknown string
			good    []string // the kinds that are at home there
			call    func(value string) harness.Reply
		}{
			"credential of a creation": {
				secret.New(secret.MachineSecret).Reveal(),
				[]string{"machine secret"},
				func(v string) harness.Reply { return w.Call(t, http.MethodPost, "/m2m_tokens", v, harness.Fields{}) },
			},
			"credential of a verification": {
				secret.New(secret.MachineSecret).Reveal(),
				[]string{"machine secret", "instance key"},
				func(v string) harness.Reply { return w.Verify(t, v, "mt_unknown") },
			},
			"credential of the operator": {
				secret.New(secret.InstanceKey).Reveal(), []string{"machine secret", "instance key"}, // a machine's is known: 403
				func(v string) harness.Reply { return w.Call(t, http.MethodGet, "/v1/machines", v, nil) },
			},
			"token to verify": {
				secret.New(secret.OpaqueToken).Reveal(),
				[]string{"opaque token", "JWT"},
				func(v string) harness.Reply { return w.Verify(t, w.b.SecretKey, v) },
			},
			"id to revoke": {
				string(m2m.NewTokenID()),
				[]string{"token id", "JWT id"},
				func(v string) harness.Reply { return w.Revoke(t, w.a.SecretKey, escape(v)) },
			},
			"machine to read": {
				"mch_" + strings.Repeat("0", 27),
				[]string{"machine id"},
				func(v string) harness.Reply {
					return w.Call(t, http.MethodGet, "/v1/machines/"+escape(v), w.InstanceKey, nil)
				},
			},
			"subject to list": {
				"mch_" + strings.Repeat("0", 27),
				[]string{"machine id"},
				func(v string) harness.Reply {
					return w.Call(t, http.MethodGet, "/m2m_tokens?subject="+escape(v), w.InstanceKey, nil)
				},
			},
		} {
			want := p.call(p.unknown)
			for kind, value := range w.values(t) {
				if !contains(p.good, kind) {
					same(t, kind+" as "+place, want, p.call(value))
				}
			}
		}
	})
}

// R3: the whole string counts. Batches make every change of every character affordable.
func TestEveryChangeOfATokenIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.mint(t, format).Token
			var changed []string
			if format == "opaque" {
				changed = append(everyChange(token), everyCut(token)...)
			} else {
				changed = append(everyFourthChange(token), everyCut(token)...)
			}
			changed = append(changed, dressed(token)...)
			for start := 0; start < len(changed); start += 256 {
				batch := changed[start:min(start+256, len(changed))]
				for i, r := range w.verifyBatch(t, w.b.SecretKey, batch) {
					if r.ID != "" || len(r.Errors) != 1 || r.Errors[0].Code != "resource_not_found" {
						t.Errorf("%s: %q changed to %q: %+v", format, token, batch[i], r)
					}
				}
			}
			w.Verify(t, w.b.SecretKey, token).Want(t, http.StatusOK)
		}
	})
}

// R3, R4, R17: one by one, a changed token is answered exactly like one that nobody ever made.
func TestAChangedTokenIsAnsweredLikeAnUnknownOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		unknown := w.Verify(t, w.b.SecretKey, secret.New(secret.OpaqueToken).Reveal())
		refused(t, unknown, "unknown")
		for _, format := range formats {
			token := w.mint(t, format).Token
			for _, changed := range append(dressed(token), everyCut(token)...) {
				same(t, changed, unknown, w.Verify(t, w.b.SecretKey, changed))
			}
		}
	})
}

// R3: the same of machine secrets, wherever one is a credential.
func TestEveryChangeOfAMachineSecretIsAnsweredLikeAnUnknownOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		key := w.b.SecretKey
		token := w.mint(t, "opaque").Token
		unknown := w.Verify(t, secret.New(secret.MachineSecret).Reveal(), token)
		if unknown.Status != http.StatusUnauthorized {
			t.Fatalf("unknown: %d %s", unknown.Status, unknown.Body)
		}
		list := everyCut(key)
		for i := range key {
			list = append(list, key[:i]+string(another(key[i]))+key[i+1:])
		}
		for _, d := range dressed(key) {
			if strings.TrimRight(d, " \t\n") != key && !strings.ContainsAny(d, "\n\x00") { // HTTP itself takes spaces from the end of a header
				list = append(list, d)
			}
		}
		for _, changed := range list {
			same(t, changed, unknown, w.Verify(t, changed, token))
		}
		w.Verify(t, key, token).Want(t, http.StatusOK)
	})
}

// batchResult is one member of verify_batch's answer.
type batchResult struct {
	harness.Token
	Errors []harness.Fault `json:"errors"`
}

func (w world) verifyBatch(t *testing.T, credential string, tokens []string) []batchResult {
	t.Helper()
	var out struct {
		Results []batchResult `json:"results"`
	}
	w.Call(t, http.MethodPost, "/v1/m2m_tokens/verify_batch", credential, harness.Fields{"tokens": tokens}).
		Want(t, http.StatusOK).Into(t, &out)
	if len(out.Results) != len(tokens) {
		t.Fatalf("%d results for %d tokens", len(out.Results), len(tokens))
	}
	return out.Results
}
