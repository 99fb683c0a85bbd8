package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
)

// metadata is what RFC 8414 section 2, RFC 9701 section 7 and draft-ietf-oauth-rfc7523bis let a client read about this server. Members that
// would promise what is not here are left out, but for one: OpenID Connect Discovery section 3 requires the algorithms of ID tokens at its
// address, and verifiers built for it (go-oidc, and oauth2-proxy on it) take from there by which algorithm our JWTs are signed. There are
// no ID tokens.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	TokenAuth                []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	IntrospectionAuth        []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAlgorithms  []string `json:"introspection_signing_alg_values_supported"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	RevocationAuth           []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgorithms []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	JWKSURI                  string   `json:"jwks_uri"`
	IDTokenAlgorithms        []string `json:"id_token_signing_alg_values_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"` // required, and empty: nobody is sent anywhere to agree
	Documentation            string   `json:"service_documentation"`
}

// oauthMetadata is served at both well-known addresses. OpenID Connect Discovery section 4 puts its own behind the path of an issuer, which
// whatever stands before this server takes off; RFC 8414 section 3.1 puts its own before it.
func (a *api) oauthMetadata(x *exchange) error {
	if path := x.c.Param("issuer"); path != "" {
		issuer, err := url.Parse(a.Issuer)
		if err != nil || issuer.EscapedPath() != path {
			return errNoRoute
		}
	}
	ways, algorithms := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}, jwtmode.AssertionAlgorithms()
	body, err := json.Marshal(metadata{
		Issuer:        a.Issuer,
		TokenEndpoint: a.Issuer + "/oauth2/token", TokenAuth: ways, TokenAuthAlgorithms: algorithms,
		IntrospectionEndpoint: a.Issuer + "/oauth2/introspect", IntrospectionAuth: ways, IntrospectionAuthAlgs: algorithms,
		IntrospectionAlgorithms: []string{jwtmode.Algorithm},
		RevocationEndpoint:      a.Issuer + "/oauth2/revoke", RevocationAuth: ways, RevocationAuthAlgorithms: algorithms,
		JWKSURI: a.Issuer + "/.well-known/jwks.json", IDTokenAlgorithms: []string{jwtmode.Algorithm},
		GrantTypes: []string{clientCredentials}, ResponseTypes: []string{},
		Documentation: a.Issuer + "/openapi.yaml",
	})
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	x.c.Writer.Header().Set("Cache-Control", "public, max-age=300")
	x.send(http.StatusOK, body)
	return nil
}
