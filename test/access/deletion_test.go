package access

import (
	"net/http"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// R16: deleted through one process, dead on another before the answer is read.
func TestADeletedMachineIsDeadOnEveryReplicaAtOnce(t *testing.T) {
	t.Parallel()
	replicas := harness.OnPostgres(t, 2)
	one, two := newWorld(t, replicas[0]), replicas[1]
	for range 50 {
		caller := one.NewMachine(t, "caller", one.b)
		opaque := two.Mint(t, caller.SecretKey, nil)
		jwt := two.Mint(t, caller.SecretKey, harness.Fields{"token_format": "jwt"})
		for _, token := range []harness.Token{opaque, jwt} {
			two.Verify(t, one.b.SecretKey, token.Token).Want(t, http.StatusOK)
		}
		one.Call(t, http.MethodDelete, "/v1/machines/"+caller.ID, one.InstanceKey, nil).Want(t, http.StatusOK)
		for _, token := range []harness.Token{opaque, jwt} {
			refused(t, two.Verify(t, one.b.SecretKey, token.Token), "token of a deleted machine")
			refused(t, two.Verify(t, one.InstanceKey, token.Token), "token of a deleted machine, to the operator")
		}
		for name, got := range map[string]harness.Reply{
			"create": two.Call(t, http.MethodPost, "/m2m_tokens", caller.SecretKey, harness.Fields{}),
			"jwt":    two.Call(t, http.MethodPost, "/m2m_tokens", caller.SecretKey, harness.Fields{"token_format": "jwt"}),
			"verify": two.Verify(t, caller.SecretKey, opaque.Token),
			"list":   two.Call(t, http.MethodGet, "/m2m_tokens?subject="+caller.ID, caller.SecretKey, nil),
			"revoke": two.Revoke(t, caller.SecretKey, opaque.ID),
		} {
			if got.Status != http.StatusUnauthorized {
				t.Errorf("%s with a deleted machine's secret: %d %s", name, got.Status, got.Body)
			}
		}
	}
}

func TestADeletedMachineIsNowhereToBeFound(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		token := w.mint(t, "opaque")
		w.Allow(t, w.b, w.a)
		w.Call(t, http.MethodDelete, "/v1/machines/"+w.a.ID, w.InstanceKey, "null").Want(t, http.StatusOK)
		for name, got := range map[string]harness.Reply{
			"get":    w.Call(t, http.MethodGet, "/v1/machines/"+w.a.ID, w.InstanceKey, nil),
			"update": w.Call(t, http.MethodPatch, "/v1/machines/"+w.a.ID, w.InstanceKey, harness.Fields{"name": "x"}),
			"delete": w.Call(t, http.MethodDelete, "/v1/machines/"+w.a.ID, w.InstanceKey, nil),
			"secret": w.Call(t, http.MethodGet, "/v1/machines/"+w.a.ID+"/secret_key", w.InstanceKey, nil),
			"rotate": w.Call(t, http.MethodPost, "/v1/machines/"+w.a.ID+"/secret_key/rotate", w.InstanceKey, harness.Fields{"previous_token_ttl": 0}),
			"scope":  w.Call(t, http.MethodPost, "/v1/machines/"+w.b.ID+"/scopes", w.InstanceKey, harness.Fields{"to_machine_id": w.a.ID}),
			"tokens": w.Call(t, http.MethodGet, "/m2m_tokens?subject="+w.a.ID, w.InstanceKey, nil),
		} {
			if got.Status != http.StatusNotFound || got.Fault(t).Code != "machine_not_found" {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		refused(t, w.Verify(t, w.b.SecretKey, token.Token), "its token")
		var b harness.Machine
		w.Call(t, http.MethodGet, "/v1/machines/"+w.b.ID, w.InstanceKey, nil).Want(t, http.StatusOK).Into(t, &b)
		if len(b.ScopedMachines) != 0 {
			t.Errorf("still in the scopes of another: %+v", b.ScopedMachines)
		}
		if got := w.Mint(t, w.b.SecretKey, nil); len(got.Scopes) != 0 {
			t.Errorf("still in new tokens: %v", got.Scopes)
		}
	})
}

// A deleted receiver takes nothing from a token's other receivers.
func TestDeletingAReceiverLeavesTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.Allow(t, w.a, w.c)
		for _, format := range formats {
			token := w.mint(t, format)
			extra := w.NewMachine(t, "extra")
			w.Allow(t, w.a, extra)
			w.Call(t, http.MethodDelete, "/v1/machines/"+extra.ID, w.InstanceKey, nil).Want(t, http.StatusOK)
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			w.Verify(t, w.c.SecretKey, token.Token).Want(t, http.StatusOK)
		}
	})
}
