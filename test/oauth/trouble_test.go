package oauth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/test/harness"
)

// I6, R12: when the database is gone, every endpoint says that it cannot tell, for every way of authenticating, and never that a token is
// active, inactive or revoked. A JWT whose signature holds is no exception.
func TestAFailingDatabaseIs503AndNeverAnAnswer(t *testing.T) {
	t.Parallel()
	cluster, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() }) // again, if all went well
	if err := cluster.Create(t.Context(), "trouble"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, harness.New(t, cluster.TCP("trouble")).Start(t))
	s := edSigner(t)
	m := w.keyed(t, s)
	tokens := map[string]string{}
	for _, format := range formats {
		tokens[format] = w.get(t, "&token_format="+format).AccessToken
		if string(w.introspect(t, w.b, tokens[format]).Body) == inactive {
			t.Fatal("inactive before the trouble")
		}
	}
	assertion := func() string { return with(s.assert(t, m, w.Issuer, nil)) }
	form(t, w.Server, "/oauth2/token", harness.Machine{}, grant+assertion()).Want(t, http.StatusOK)

	if err := cluster.Close(); err != nil { // it is gone when this returns
		t.Fatal(err)
	}
	nobody := harness.Machine{}
	for _, format := range formats {
		token := tokens[format]
		for what, r := range map[string]harness.Reply{
			"token":                 form(t, w.Server, "/oauth2/token", w.a, grant+"&token_format="+format),
			"token, asserted":       form(t, w.Server, "/oauth2/token", nobody, grant+assertion()),
			"token, no such client": form(t, w.Server, "/oauth2/token", harness.Machine{ID: w.a.ID, SecretKey: w.b.SecretKey}, grant),
			"introspect":            w.introspect(t, w.b, token),
			"introspect by bearer":  form(t, w.Server, "/oauth2/introspect", nobody, about(token), "Authorization", "Bearer "+w.b.SecretKey),
			"introspect, signed":    form(t, w.Server, "/oauth2/introspect", w.b, about(token), "Accept", "application/token-introspection+jwt"),
			"introspect, asserted":  form(t, w.Server, "/oauth2/introspect", nobody, about(token)+assertion()),
			"introspect unknown":    w.introspect(t, w.b, "mt_unknown"),
			"revoke by bearer":      form(t, w.Server, "/oauth2/revoke", nobody, about(token), "Authorization", "Bearer "+w.a.SecretKey),
			"revoke":                form(t, w.Server, "/oauth2/revoke", w.a, about(token)),
			"revoke, asserted":      form(t, w.Server, "/oauth2/revoke", nobody, about(token)+assertion()),
			"forward auth":          form(t, w.Server, "/v1/forward_auth", nobody, "", "Authorization", "Bearer "+token, "Dualmint-Machine-Secret", w.b.SecretKey),
		} {
			wantError(t, format+" "+what, r, http.StatusServiceUnavailable, "temporarily_unavailable")
			if r.Header.Get("Retry-After") == "" || strings.Contains(string(r.Body), "active") {
				t.Errorf("%s %s: %v %s", format, what, r.Header, r.Body)
			}
		}
	}
	// What needs no database is still there.
	w.Call(t, http.MethodGet, "/.well-known/oauth-authorization-server", "", nil).Want(t, http.StatusOK)
}
