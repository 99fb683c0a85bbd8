package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// golang.org/x/oauth2 as it is: by Basic, by form, and finding out by itself; and with an assertion among its parameters.
func TestGoClientCredentialsGetTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		s := ecSigner(t)
		m := w.keyed(t, s)
		config := func(style oauth2.AuthStyle, more url.Values) clientcredentials.Config {
			return clientcredentials.Config{ClientID: w.a.ID, ClientSecret: w.a.SecretKey, TokenURL: w.Base + "/oauth2/token", AuthStyle: style, EndpointParams: more}
		}
		asserted := url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {s.assert(t, m, w.Issuer, nil)},
		}
		narrowed := config(oauth2.AuthStyleInHeader, url.Values{"resource": {w.b.ID}, "token_format": {"jwt"}})
		scoped := config(oauth2.AuthStyleInParams, nil)
		scoped.Scopes = []string{w.b.ID}
		for name, c := range map[string]clientcredentials.Config{
			"basic": config(oauth2.AuthStyleInHeader, nil), "form": config(oauth2.AuthStyleInParams, nil), "found out": config(oauth2.AuthStyleAutoDetect, nil),
			"narrowed": narrowed, "scoped": scoped,
			"private_key_jwt": {ClientID: m.ID, TokenURL: w.Base + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams, EndpointParams: asserted},
		} {
			token, err := c.Token(t.Context())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if token.Type() != "Bearer" || token.Extra("scope") != w.b.ID || !token.Valid() || token.Expiry.IsZero() {
				t.Errorf("%s: %+v", name, token)
			}
			w.Verify(t, w.b.SecretKey, token.AccessToken).Want(t, http.StatusOK)
		}
		wrong := config(oauth2.AuthStyleInHeader, nil)
		wrong.ClientSecret = w.b.SecretKey
		_, err := wrong.Token(t.Context())
		if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || refusal.ErrorCode != "invalid_client" || refusal.Response.StatusCode != 401 {
			t.Errorf("another's secret: %v", err)
		}
		// A service that calls through the library's transport.
		client := config(oauth2.AuthStyleInHeader, nil)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Base+"/v1/forward_auth", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Dualmint-Machine-Secret", w.b.SecretKey)
		resp, err := client.Client(t.Context()).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Dualmint-Machine-Id") != w.a.ID {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	})
}
