package gateways

import (
	"net/http"
	"strings"
	"testing"
)

// No Envoy runs here. This is what its ext_authz asks according to its documentation: with the method of the request, its path and query
// behind the prefix, no body, and the secret that the configuration adds.
func TestTheIssuerAnswersWhatEnvoyAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	issuer := gateway{w, w.front.url}
	issuer.HTTP.Transport = &http.Transport{TLSClientConfig: w.front.trust(t)}
	for _, format := range []string{"opaque", "jwt"} {
		good := w.mint(t, format, nil)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			for _, path := range []string{"/", "/orders/42%2F?q=a%20b&access_token=x", "//double/../dots", "/v1/machines/" + w.a.ID} {
				ask := func(bearer string) (int, string) {
					got := issuer.send(t, method, "/v1/forward_auth"+path, "", "Authorization", "Bearer "+bearer, "dualmint-machine-secret", w.b.SecretKey)
					return got.Status, got.Header.Get("Dualmint-Machine-Id")
				}
				if status, who := ask(good.Token); status != http.StatusOK || who != w.a.ID {
					t.Errorf("%s, %s %s: %d, %q calls", format, method, path, status, who)
				}
				if status, who := ask(strings.ToUpper(good.Token)); status != http.StatusUnauthorized || who != "" {
					t.Errorf("%s, %s %s: %d for a bad token, %q calls", format, method, path, status, who)
				}
			}
		}
	}
}
