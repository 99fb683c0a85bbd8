//go:build !race

// The race detector makes pools forget at random, so what is pinned here holds without it only.

package verify_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// A JWT at first sight takes fewer than 20 allocations and at most half of what golang-jwt and keyfunc take; one seen before at most 2.
func TestAllocationsOfAJWT(t *testing.T) {
	issuer := verifytest.NewIssuer(t)
	forgetful := issuer.Config()
	forgetful.Remember = -1
	for name, c := range map[string]struct {
		config verify.Config
		most   float64
	}{"first sight, remembered from now on": {issuer.Config(), 19}, "first sight, not remembered": {forgetful, 19}, "seen before": {issuer.Config(), 2}} {
		for kind, say := range map[string]verifytest.Token{
			"plain": {}, "with claims": {Claims: map[string]any{"order": "42", "roles": []string{"a", "b"}}},
			"for eight": {Scopes: []string{verifytest.Receiver, verifytest.Stranger, scope(1), scope(2), scope(3), scope(4), scope(5), scope(6)}},
		} {
			v := open(t, c.config)
			const runs = 100
			tokens := make([]string, runs+1) // AllocsPerRun runs once more to warm up
			for i := range tokens {
				tokens[i] = issuer.JWT(say)
			}
			if _, err := v.Verify(t.Context(), issuer.JWT(say)); err != nil { // the key set is fetched
				t.Fatal(err)
			}
			if name == "seen before" {
				for _, token := range tokens {
					_, _ = v.Verify(t.Context(), token)
				}
			}
			at := 0
			got := testing.AllocsPerRun(runs, func() {
				if _, err := v.Verify(t.Context(), tokens[at]); err != nil {
					t.Error(err)
				}
				at++
			})
			if got > c.most {
				t.Errorf("%s, %s: %v allocations, want at most %v", name, kind, got, c.most)
			}
			if name == "first sight, not remembered" {
				if theirs := byGolangJWT(t, issuer, tokens[0]); got > theirs/2 {
					t.Errorf("%s: %v allocations, golang-jwt and keyfunc take %v", kind, got, theirs)
				}
			}
		}
	}
}

func scope(n int) string { return fmt.Sprintf("mch_%027d", n) }

// byGolangJWT is how many allocations golang-jwt's parser takes with keyfunc's key set, told to check what they can check.
func byGolangJWT(t *testing.T, issuer *verifytest.Issuer, token string) float64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	set, err := keyfunc.NewDefaultCtx(ctx, []string{issuer.URL + "/.well-known/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	parser := gojwt.NewParser(gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithIssuer(issuer.URL), gojwt.WithAudience(verifytest.Receiver),
		gojwt.WithExpirationRequired(), gojwt.WithIssuedAt(), gojwt.WithStrictDecoding())
	return testing.AllocsPerRun(100, func() {
		if _, err := parser.Parse(token, set.Keyfunc); err != nil {
			t.Error(err)
		}
	})
}
