package keys

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	jose "github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v2/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v2/jwt"

	keyring "github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/test/timeline"
)

// verifier is a library with its default cache policy.
type verifier struct {
	name   string
	verify func(token string) error
}

// R39: published libraries, with the cache policies that they have by themselves, never meet a key that they do not have, though the
// operator rotates three times at the first instant at which it is allowed.
func TestLibrariesVerifyAcrossRotationsWithTheirDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		issuer := timeline.New(ctx, t, time.Now, keyring.DefaultPolicy(2*time.Hour))
		var verifiers []verifier
		var living []string
		rotations, verified := 0, 0
		for minute := range 4 * 60 {
			if minute < 40 && minute%3 == 0 { // their clocks begin at different instants
				verifiers = append(verifiers, keyfuncVerifier(ctx, t, issuer), jwxVerifier(ctx, t, issuer))
			}
			if minute == 0 {
				verifiers = append(verifiers, goJoseVerifier(t, issuer))
			}
			o, err := issuer.Keys.Overview(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if rotations < 3 && !o.SafeToRotate.After(o.Now) && len(verifiers) > 20 {
				if err := issuer.Keys.Rotate(ctx, m2m.Actor{Kind: m2m.Operator}, keyring.Rotation{}); err != nil {
					t.Fatal(err)
				}
				rotations++
			}
			token := issuer.Mint(ctx, t, 2*time.Hour)
			for _, v := range verifiers {
				if err := v.verify(token); err != nil {
					t.Fatalf("minute %d, after %d rotations: %s refuses a new token: %v", minute, rotations, v.name, err)
				}
				verified++
			}
			if living = append(living, token); len(living) > 119 {
				living = living[1:]
			}
			for _, v := range verifiers[:3] {
				if err := v.verify(living[0]); err != nil {
					t.Fatalf("minute %d, after %d rotations: %s refuses a token that is nearly two hours old: %v", minute, rotations, v.name, err)
				}
			}
			time.Sleep(time.Minute - time.Duration(below(t, 1000))*time.Millisecond)
		}
		if rotations != 3 || verified < 5000 {
			t.Errorf("too little happened: %d rotations, %d verifications", rotations, verified)
		}
		cancel()
	})
}

// below draws a number.
func below(t *testing.T, n int64) int64 {
	t.Helper()
	i, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		t.Fatal(err)
	}
	return i.Int64()
}

func keyfuncVerifier(ctx context.Context, t *testing.T, issuer *timeline.Issuer) verifier {
	t.Helper()
	k, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{timeline.KeySet}, keyfunc.Override{Client: issuer.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return verifier{"keyfunc", func(token string) error {
		_, err := gojwt.Parse(token, k.Keyfunc, gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithIssuer(timeline.Name),
			gojwt.WithAudience(string(timeline.Receiver)), gojwt.WithExpirationRequired())
		return err
	}}
}

func jwxVerifier(ctx context.Context, t *testing.T, issuer *timeline.Issuer) verifier {
	t.Helper()
	cache := jwk.NewCache(ctx)
	if err := cache.Register(timeline.KeySet, jwk.WithHTTPClient(issuer.Client())); err != nil {
		t.Fatal(err)
	}
	return verifier{"jwx", func(token string) error {
		set, err := cache.Get(ctx, timeline.KeySet)
		if err != nil {
			return err
		}
		_, err = jwxjwt.ParseString(token, jwxjwt.WithKeySet(set), jwxjwt.WithIssuer(timeline.Name), jwxjwt.WithAudience(string(timeline.Receiver)))
		return err
	}}
}

// goJoseVerifier has no cache: it reads a set that was just fetched.
func goJoseVerifier(t *testing.T, issuer *timeline.Issuer) verifier {
	t.Helper()
	return verifier{"go-jose", func(token string) error {
		set, err := fetched(issuer)
		if err != nil {
			return err
		}
		parsed, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return err
		}
		var claims josejwt.Claims
		if err := parsed.Claims(set, &claims); err != nil {
			return err
		}
		return claims.ValidateWithLeeway(josejwt.Expected{
			Issuer: timeline.Name, AnyAudience: josejwt.Audience{string(timeline.Receiver)}, Time: time.Now(),
		}, 0)
	}}
}

func fetched(issuer *timeline.Issuer) (*jose.JSONWebKeySet, error) {
	resp, err := issuer.Client().Get(timeline.KeySet)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // in memory
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	if resp.StatusCode != http.StatusOK {
		return nil, http.ErrNotSupported
	}
	return &set, json.Unmarshal(text, &set)
}
