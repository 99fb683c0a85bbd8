package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/clerk/clerk-sdk-go/v2/m2m_token"
	"github.com/clerk/clerk-sdk-go/v2/machine"
	"github.com/clerk/clerk-sdk-go/v2/machinescope"

	"github.com/dualmint/dualmint/test/harness"
)

// config points the SDK at a server as the holder of a key.
func config(s *harness.Server, key string) *clerk.ClientConfig {
	return &clerk.ClientConfig{BackendConfig: clerk.BackendConfig{URL: new(s.Base + "/v1"), Key: &key}}
}

// must gives the value of a call that has to succeed.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantFault checks that an error is the SDK's own, with this status and code and a trace id.
func wantFault(t *testing.T, err error, status int, code string) {
	t.Helper()
	fault, ok := errors.AsType[*clerk.APIErrorResponse](err)
	if !ok {
		t.Fatalf("not the SDK's own error type: %v", err)
	}
	if fault.HTTPStatusCode != status || len(fault.Errors) == 0 || fault.Errors[0].Code != code {
		t.Errorf("got %v, want %d %s", fault, status, code)
	}
	if fault.TraceID == "" || fault.Response.TraceID != fault.TraceID {
		t.Errorf("trace id in the body %q, in the header %q", fault.TraceID, fault.Response.TraceID)
	}
}

func TestGoSDKAdministersMachines(t *testing.T) {
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		ctx := t.Context()
		machines := machine.NewClient(config(s, s.InstanceKey))
		scopes := machinescope.NewClient(config(s, s.InstanceKey))
		created := must[*clerk.MachineWithScopedMachinesAndSecretKey](t)
		read := must[*clerk.MachineWithScopedMachines](t)
		secrets := must[*clerk.MachineSecretKey](t)

		b := created(machines.Create(ctx, &machine.CreateParams{Name: "B"}))
		a := created(machines.Create(ctx, &machine.CreateParams{Name: "A", ScopedMachines: []string{b.ID}, DefaultTokenTTL: new(int64(90))}))
		if a.Object != "machine" || a.DefaultTokenTTL != 90 || b.DefaultTokenTTL != 3600 || a.SecretKey == "" || a.InstanceID == "" {
			t.Errorf("created %+v", a)
		}
		if got := read(machines.Get(ctx, a.ID)); got.Name != "A" || len(got.ScopedMachines) != 1 || got.ScopedMachines[0].ID != b.ID {
			t.Errorf("read %+v", got)
		}
		if got := read(machines.Update(ctx, a.ID, &machine.UpdateParams{Name: new("A2")})); got.Name != "A2" || got.DefaultTokenTTL != 90 {
			t.Errorf("updated %+v", got)
		}
		read(machines.Update(ctx, a.ID, nil)) // the SDK sends the word null

		list := must[*clerk.MachineList](t)(machines.List(ctx, &machine.ListParams{
			ListParams: clerk.ListParams{Limit: new(int64(1)), Offset: new(int64(1))}, OrderBy: new("+name"),
		}))
		if list.TotalCount != 2 || len(list.Machines) != 1 || list.Machines[0].ID != b.ID {
			t.Errorf("listed %d of %d", len(list.Machines), list.TotalCount)
		}
		if got := must[*clerk.MachineList](t)(machines.List(ctx, &machine.ListParams{Query: new("a2")})); got.TotalCount != 1 {
			t.Errorf("searched: %d found", got.TotalCount)
		}

		back := must[*clerk.MachineScope](t)(scopes.CreateScope(ctx, b.ID, &machinescope.CreateScopeParams{ToMachineID: a.ID}))
		if back.FromMachineID != b.ID || back.ToMachineID != a.ID || back.CreatedAt == 0 {
			t.Errorf("scope %+v", back)
		}
		_, err := scopes.CreateScope(ctx, b.ID, &machinescope.CreateScopeParams{ToMachineID: a.ID})
		wantFault(t, err, 409, "conflict")
		if gone := must[*clerk.DeletedMachineScope](t)(scopes.DeleteScope(ctx, b.ID, a.ID)); !gone.Deleted {
			t.Errorf("scope %+v", gone)
		}
		_, err = scopes.DeleteScope(ctx, b.ID, a.ID)
		wantFault(t, err, 404, "resource_not_found")

		if got := secrets(machines.GetSecretKey(ctx, a.ID)); got.Secret != a.SecretKey {
			t.Error("the secret shown is not the one of creation")
		}
		if got := secrets(machines.RotateSecretKey(ctx, a.ID, &machine.RotateSecretKeyParams{PreviousTokenTTL: 0})); got.Secret == a.SecretKey {
			t.Error("rotation gave the same secret")
		}
		_, err = m2m_token.NewClient(config(s, a.SecretKey)).Create(ctx, &m2m_token.CreateParams{})
		wantFault(t, err, 401, "machine_secret_key_invalid")

		if gone := must[*clerk.DeletedResource](t)(machines.Delete(ctx, a.ID)); !gone.Deleted || gone.ID != a.ID {
			t.Errorf("deleted %+v", gone)
		}
		_, err = machines.Get(ctx, a.ID)
		wantFault(t, err, 404, "machine_not_found")
		_, err = machine.NewClient(config(s, b.SecretKey)).List(ctx, &machine.ListParams{})
		wantFault(t, err, 403, "authorization_invalid")
		_, err = machines.Create(ctx, &machine.CreateParams{})
		wantFault(t, err, 422, "form_param_missing")
	})
}

func TestGoSDKIssuesVerifiesListsAndRevokesBothFormats(t *testing.T) {
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		ctx := t.Context()
		b := s.NewMachine(t, "B")
		a := s.NewMachine(t, "A", b)
		c := s.NewMachine(t, "C")
		at := func(m harness.Machine) *m2m_token.Client { return m2m_token.NewClient(config(s, m.SecretKey)) }
		operator := m2m_token.NewClient(config(s, s.InstanceKey))
		record := must[*clerk.M2MToken](t)

		for _, format := range []string{"opaque", "jwt"} {
			claims := json.RawMessage(`{"tier":"gold"}`)
			token := must[*clerk.M2MTokenWithToken](t)(at(a).Create(ctx, &m2m_token.CreateParams{
				TokenFormat: &format, SecondsUntilExpiration: new(int64(60)), Claims: &claims,
			}))
			if token.Subject != a.ID || !slices.Equal(token.Scopes, []string{b.ID}) || token.Token == "" || token.Expiration == nil {
				t.Errorf("%s: created %+v", format, token)
			}
			for name, checker := range map[string]*m2m_token.Client{"receiver": at(b), "operator": operator} {
				if got := record(checker.Verify(ctx, &m2m_token.VerifyParams{Token: token.Token})); got.ID != token.ID || string(got.Claims) != string(claims) {
					t.Errorf("%s, %s: verified %+v", format, name, got)
				}
			}
			_, err := at(c).Verify(ctx, &m2m_token.VerifyParams{Token: token.Token})
			wantFault(t, err, 404, "resource_not_found")
			_, err = at(b).Revoke(ctx, token.ID, nil)
			wantFault(t, err, 404, "resource_not_found")
			reason := "rotated"
			if got := record(at(a).Revoke(ctx, token.ID, &m2m_token.RevokeParams{RevocationReason: &reason})); !got.Revoked || got.RevocationReason == nil || *got.RevocationReason != reason {
				t.Errorf("%s: revoked %+v", format, got)
			}
			if got := record(operator.Revoke(ctx, token.ID, nil)); *got.RevocationReason != reason {
				t.Errorf("%s: the first reason did not stay", format)
			}
			_, err = at(b).Verify(ctx, &m2m_token.VerifyParams{Token: token.Token})
			wantFault(t, err, 404, "resource_not_found")
		}
		for include, want := range map[bool]int64{false: 0, true: 2} {
			list := must[*clerk.M2MTokenList](t)(at(a).List(ctx, &m2m_token.ListParams{Subject: &a.ID, Revoked: &include}))
			if list.TotalCount != want {
				t.Errorf("revoked=%v: %d listed, want %d", include, list.TotalCount, want)
			}
		}
		_, err := at(b).List(ctx, &m2m_token.ListParams{Subject: &a.ID})
		wantFault(t, err, 403, "authorization_invalid")
		_, err = at(a).List(ctx, &m2m_token.ListParams{})
		wantFault(t, err, 400, "missing_query_parameter")
		_, err = operator.Create(ctx, nil)
		wantFault(t, err, 401, "machine_secret_key_invalid")
		must[*clerk.M2MTokenWithToken](t)(at(a).Create(ctx, nil)) // the SDK sends the word null
	})
}

func TestGoSDKVerifiesJWTsOffline(t *testing.T) {
	t.Parallel()
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		b := s.NewMachine(t, "B")
		a := s.NewMachine(t, "A", b)
		token := s.Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt", "claims": harness.Fields{"tier": "gold"}})
		// The key set is public: the SDK's key opens nothing.
		keySet := jwks.NewClient(config(s, "nothing"))
		elsewhere := "https://elsewhere.test"

		type custom struct {
			Tier string `json:"tier"`
		}
		verify := func(token string, issuer *string) (*clerk.SessionClaims, error) {
			return jwt.Verify(t.Context(), &jwt.VerifyParams{
				Token: token, JWKSClient: keySet, ProxyURL: issuer,
				CustomClaimsConstructor: func(context.Context) any { return &custom{} },
			})
		}
		claims, err := verify(token.Token, &s.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := claims.Custom.(*custom)
		if claims.Subject != a.ID || claims.ID != token.ID || !slices.Equal(claims.Audience, []string{b.ID}) || !ok || got.Tier != "gold" {
			t.Errorf("verified %+v with %+v", claims, got)
		}
		if _, err := verify(token.Token, &elsewhere); err == nil {
			t.Error("accepted for a foreign issuer")
		}
		last := byte('A')
		if token.Token[len(token.Token)-10] == last {
			last = 'B'
		}
		changed := token.Token[:len(token.Token)-10] + string(last) + token.Token[len(token.Token)-9:]
		if _, err := verify(changed, &s.Issuer); err == nil {
			t.Error("accepted with a changed signature")
		}
	})
}
