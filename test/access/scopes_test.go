package access

import (
	"net/http"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// R15: removed, refused; given back, good; never there, never there.
func TestScopesAreLiveInBothFormats(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.mint(t, format)
			for range 5 {
				w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
				w.Disallow(t, w.a, w.b)
				refused(t, w.Verify(t, w.b.SecretKey, token.Token), format+" whose scope was removed")
				w.Allow(t, w.a, w.b)
			}
			w.Allow(t, w.a, w.c)
			refused(t, w.Verify(t, w.c.SecretKey, token.Token), format+" of before the scope was given")
			var shown harness.Token
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK).Into(t, &shown)
			if !slices.Equal(shown.Scopes, []string{w.b.ID}) {
				t.Errorf("%s shows %v, want the scopes of its creation", format, shown.Scopes)
			}
			w.Disallow(t, w.a, w.c)
		}
	})
}

// R14: a scope is one-way.
func TestAScopeGivesNothingBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.Mint(t, w.b.SecretKey, harness.Fields{"token_format": format})
			refused(t, w.Verify(t, w.a.SecretKey, token.Token), "the other way round")
		}
		w.Allow(t, w.b, w.a)
		for _, format := range formats {
			token := w.Mint(t, w.b.SecretKey, harness.Fields{"token_format": format})
			w.Verify(t, w.a.SecretKey, token.Token).Want(t, http.StatusOK)
		}
	})
}

func TestWithTheSnapshotRuleOldTokensKeepTheirScopes(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.mint(t, format)
			w.Disallow(t, w.a, w.b)
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			refused(t, w.Verify(t, w.b.SecretKey, w.mint(t, format).Token), format+" of after")
			w.Allow(t, w.a, w.b)
			refused(t, w.Verify(t, w.c.SecretKey, token.Token), format+" for another")
		}
	}, "DUALMINT_SCOPE_CHECK=snapshot")
}

func TestAMachineHasAtMostOneHundredAndFiftyScopes(t *testing.T) { // R14
	onBoth(t, func(t *testing.T, w world) {
		ids := make([]string, 0, 151)
		for range 151 {
			ids = append(ids, w.NewMachine(t, "receiver").ID)
		}
		many := w.MachineWith(t, harness.Fields{"name": "many", "scoped_machines": ids[:150]})
		if len(many.ScopedMachines) != 150 {
			t.Fatalf("%d scopes", len(many.ScopedMachines))
		}
		path := "/v1/machines/" + many.ID + "/scopes"
		over := w.Call(t, http.MethodPost, path, w.InstanceKey, harness.Fields{"to_machine_id": ids[150]})
		if over.Status != http.StatusUnprocessableEntity || over.Fault(t).Meta.ParamName != "to_machine_id" {
			t.Errorf("the 151st: %d %s", over.Status, over.Body)
		}
		if got := w.Call(t, http.MethodPost, path, w.InstanceKey, harness.Fields{"to_machine_id": ids[0]}); got.Status != http.StatusConflict {
			t.Errorf("twice the same: %d %s", got.Status, got.Body)
		}
		all := w.Call(t, http.MethodPost, "/v1/machines", w.InstanceKey, harness.Fields{"name": "x", "scoped_machines": ids})
		if all.Status != http.StatusUnprocessableEntity || all.Fault(t).Meta.ParamName != "scoped_machines" {
			t.Errorf("151 at once: %d %s", all.Status, all.Body)
		}
		w.Call(t, http.MethodDelete, path+"/"+ids[3], w.InstanceKey, nil).Want(t, http.StatusOK)
		w.Call(t, http.MethodPost, path, w.InstanceKey, harness.Fields{"to_machine_id": ids[150]}).Want(t, http.StatusOK)

		// R28: so many scopes do not fit a JWT. Nothing is recorded and nothing is billed.
		began := now()
		got := w.Call(t, http.MethodPost, "/m2m_tokens", many.SecretKey, harness.Fields{"token_format": "jwt"})
		if got.Status != http.StatusBadRequest {
			t.Errorf("a JWT of more than 8 KiB: %d %s", got.Status, got.Body)
		} else {
			got.Fault(t)
		}
		var list struct {
			Total int `json:"total_count"`
		}
		w.Call(t, http.MethodGet, "/m2m_tokens?subject="+many.ID, many.SecretKey, nil).Want(t, http.StatusOK).Into(t, &list)
		if usage := w.UsageOf(t, many.SecretKey, began, now()); list.Total != 0 || usage.Total != 0 {
			t.Errorf("refused, yet %d recorded and %d billed", list.Total, usage.Total)
		}
		if token := w.Mint(t, many.SecretKey, nil); len(token.Scopes) != 150 {
			t.Errorf("an opaque token has %d scopes", len(token.Scopes))
		}
	})
}
