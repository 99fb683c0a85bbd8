package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
	"github.com/dualmint/dualmint/verify"
)

// RFC 9701 section 8.1, R22: a signed introspection of a good token, made for this very receiver by the key that signs tokens, opens nothing.
func TestTheReceivingSideRefusesASignedIntrospection(t *testing.T) {
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		b := s.NewMachine(t, "B")
		a := s.NewMachine(t, "A", b)
		v, err := verify.New(verify.Config{Issuer: s.Issuer, Machine: b.ID, Secret: b.SecretKey})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		token := s.Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"}).Token
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatalf("the token itself: %v", err)
		}
		form := url.Values{"token": {token}, "client_id": {b.ID}, "client_secret": {b.SecretKey}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Base+"/oauth2/introspect", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "application/token-introspection+jwt")
		signed := string(s.Send(t, req).Want(t, http.StatusOK).Body)
		if strings.Count(signed, ".") != 2 {
			t.Fatalf("not signed: %s", signed)
		}
		if g, err := v.Verify(t.Context(), signed); !errors.Is(err, verify.ErrRefused) {
			t.Errorf("taken for an access token: %+v, %v", g, err)
		}
		s.Verify(t, b.SecretKey, signed).Want(t, http.StatusNotFound)
	})
}
