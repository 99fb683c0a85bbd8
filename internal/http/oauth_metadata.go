package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// metadata is what RFC 8414 section 2 lets a client read about this server. Members that would promise what is not here are left out.
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	JWKSURI               string   `json:"jwks_uri"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"` // required, and empty: nobody is sent anywhere to agree
}

// oauthMetadata is served at both well-known addresses.
func (a *api) oauthMetadata(x *exchange) error {
	ways := []string{"client_secret_basic", "client_secret_post"}
	body, err := json.Marshal(metadata{
		Issuer:        a.Issuer,
		TokenEndpoint: a.Issuer + "/oauth2/token", TokenAuth: ways,
		IntrospectionEndpoint: a.Issuer + "/oauth2/introspect", IntrospectionAuth: ways,
		RevocationEndpoint: a.Issuer + "/oauth2/revoke", RevocationAuth: ways,
		JWKSURI:    a.Issuer + "/.well-known/jwks.json",
		GrantTypes: []string{clientCredentials}, ResponseTypes: []string{},
	})
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	x.c.Writer.Header().Set("Cache-Control", "public, max-age=300")
	x.send(http.StatusOK, body)
	return nil
}
