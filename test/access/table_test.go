package access

import (
	"net/http"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/harness"
)

// who are the columns of the table, by the credential that they present.
func (w world) who() map[string]string {
	return map[string]string{
		"nobody": "", "stranger": secret.New(secret.MachineSecret).Reveal(), "outsider": secret.New(secret.InstanceKey).Reveal(),
		"A": w.a.SecretKey, "B": w.b.SecretKey, "C": w.c.SecretKey, "operator": w.InstanceKey,
	}
}

// expectations give a status by column; nobody, stranger and outsider are always 401.
type expectations map[string]int

func (e expectations) of(who string) int {
	if status, ok := e[who]; ok {
		return status
	}
	return http.StatusUnauthorized
}

// R13, R15, R21
func TestEveryoneMayDoWhatTheTableSaysAndNothingElse(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		operatorOnly := expectations{"A": 403, "B": 403, "C": 403, "operator": 200}
		for name, row := range map[string]struct {
			want expectations
			call func(t *testing.T, credential string) harness.Reply
		}{
			"verify an opaque token": {
				expectations{"A": 404, "B": 200, "C": 404, "operator": 200},
				func(t *testing.T, credential string) harness.Reply {
					return w.Verify(t, credential, w.mint(t, "opaque").Token)
				},
			},
			"verify a JWT": {
				expectations{"A": 404, "B": 200, "C": 404, "operator": 200},
				func(t *testing.T, credential string) harness.Reply {
					return w.Verify(t, credential, w.mint(t, "jwt").Token)
				},
			},
			"revoke an opaque token": {
				expectations{"A": 200, "B": 404, "C": 404, "operator": 200},
				func(t *testing.T, credential string) harness.Reply {
					return w.Revoke(t, credential, w.mint(t, "opaque").ID)
				},
			},
			"revoke a JWT": {
				expectations{"A": 200, "B": 404, "C": 404, "operator": 200},
				func(t *testing.T, credential string) harness.Reply {
					return w.Revoke(t, credential, w.mint(t, "jwt").ID)
				},
			},
			"list tokens": {
				expectations{"A": 200, "B": 403, "C": 403, "operator": 200},
				w.calls(http.MethodGet, "/m2m_tokens?subject="+w.a.ID, nil),
			},
			"create a token": {
				expectations{"A": 201, "B": 201, "C": 201},
				w.calls(http.MethodPost, "/m2m_tokens", harness.Fields{}),
			},
			"list machines":   {operatorOnly, w.calls(http.MethodGet, "/v1/machines", nil)},
			"create machines": {operatorOnly, w.calls(http.MethodPost, "/v1/machines", harness.Fields{"name": "new"})},
			"read a machine":  {operatorOnly, w.calls(http.MethodGet, "/v1/machines/"+w.a.ID, nil)},
			"change a machine": {
				operatorOnly, w.calls(http.MethodPatch, "/v1/machines/"+w.a.ID, harness.Fields{"name": "A"}),
			},
			"view a secret": {operatorOnly, w.calls(http.MethodGet, "/v1/machines/"+w.a.ID+"/secret_key", nil)},
			"rotate a secret": {operatorOnly, func(t *testing.T, credential string) harness.Reply {
				other := w.NewMachine(t, "rotated")
				return w.Call(t, http.MethodPost, "/v1/machines/"+other.ID+"/secret_key/rotate", credential, harness.Fields{"previous_token_ttl": 0})
			}},
			"give a scope": {operatorOnly, func(t *testing.T, credential string) harness.Reply {
				other := w.NewMachine(t, "scoped")
				return w.Call(t, http.MethodPost, "/v1/machines/"+other.ID+"/scopes", credential, harness.Fields{"to_machine_id": w.a.ID})
			}},
			"take a scope": {operatorOnly, func(t *testing.T, credential string) harness.Reply {
				other := w.NewMachine(t, "scoped", w.a)
				return w.Call(t, http.MethodDelete, "/v1/machines/"+other.ID+"/scopes/"+w.a.ID, credential, nil)
			}},
			"delete a machine": {operatorOnly, func(t *testing.T, credential string) harness.Reply {
				return w.Call(t, http.MethodDelete, "/v1/machines/"+w.NewMachine(t, "doomed").ID, credential, nil)
			}},
			"read the audit log": {operatorOnly, w.calls(http.MethodGet, "/v1/audit", nil)},
			"read usage": {
				expectations{"A": 200, "B": 200, "C": 200, "operator": 200},
				w.calls(http.MethodGet, "/v1/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&interval=day", nil),
			},
		} {
			for who, credential := range w.who() {
				if got := row.call(t, credential); got.Status != row.want.of(who) {
					t.Errorf("%s, %s: status %d, want %d: %s", name, who, got.Status, row.want.of(who), got.Body)
				} else if got.Status >= 400 {
					got.Fault(t)
				}
			}
		}
	})
}

func (w world) calls(method, path string, body any) func(*testing.T, string) harness.Reply {
	return func(t *testing.T, credential string) harness.Reply {
		t.Helper()
		return w.Call(t, method, path, credential, body)
	}
}

func TestWhatIsPublicNeedsNoCredentialAndMindsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, path := range []string{"/v1/jwks", "/.well-known/jwks.json", "/healthz", "/readyz", "/openapi.yaml"} {
			for who, credential := range w.who() {
				if got := w.Call(t, http.MethodGet, path, credential, nil); got.Status != http.StatusOK {
					t.Errorf("%s as %s: %d %s", path, who, got.Status, got.Body)
				}
			}
		}
	})
}

// A machine is the subject of its own tokens and of no other's, whatever the body says.
func TestIdentityComesFromTheCredentialAlone(t *testing.T) { // R13
	onBoth(t, func(t *testing.T, w world) {
		if got := w.mint(t, "opaque"); got.Subject != w.a.ID {
			t.Errorf("minted for %s, want %s", got.Subject, w.a.ID)
		}
		for _, extra := range []string{"subject", "machine_id", "scopes", "id", "instance_id", "Claims", "revoked"} {
			got := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, harness.Fields{extra: w.b.ID})
			if got.Status != http.StatusBadRequest {
				t.Errorf("%s: status %d, want 400: %s", extra, got.Status, got.Body)
			}
		}
		for _, extra := range []string{"id", "instance_id", "secret_key", "created_at", "Name"} {
			got := w.Call(t, http.MethodPost, "/v1/machines", w.InstanceKey, harness.Fields{"name": "x", extra: "y"})
			if got.Status != http.StatusUnprocessableEntity || got.Fault(t).Code != "form_param_unknown" {
				t.Errorf("%s: %d %s", extra, got.Status, got.Body)
			}
		}
	})
}

func TestAMachineInItsOwnScopesMayVerifyItsOwnTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.Allow(t, w.a, w.a)
		for _, format := range formats {
			w.Verify(t, w.a.SecretKey, w.mint(t, format).Token).Want(t, http.StatusOK)
		}
	})
}

// R17: to a machine, another's token is like an id that nobody ever made.
func TestRevokingAnothersTokenLooksLikeRevokingNone(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		unknown := w.Revoke(t, w.b.SecretKey, string(m2m.NewTokenID()))
		for _, format := range formats {
			token := w.mint(t, format)
			same(t, "another's "+format, unknown, w.Revoke(t, w.b.SecretKey, token.ID))
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
		}
		same(t, "no id at all", unknown, w.Revoke(t, w.b.SecretKey, "mt_nonsense"))
	})
}

func TestUsageShowsAMachineItsOwnRowsOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		began := now()
		token := w.mint(t, "opaque")
		w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
		w.Mint(t, w.c.SecretKey, nil)
		for who, want := range map[string]int64{w.a.SecretKey: 2, w.b.SecretKey: 1, w.c.SecretKey: 1, w.InstanceKey: 3} {
			if got := w.UsageOf(t, who, began, now()); got.Total != want {
				t.Errorf("%d counted, want %d: %+v", got.Total, want, got.Data)
			}
		}
	})
}
