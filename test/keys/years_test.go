package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	keyring "github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/test/timeline"
)

// R39: through years of rotations, some of them by hand at the first instant that is allowed, every token verifies with the key set as it is
// published at any later instant of its life, and with one that a verifier has kept for its whole max-age.
func TestTokensOfYearsVerifyFromFreshAndFromKeptKeySets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := keyring.Policy{
			MaxAge: 50 * time.Minute, Refresh: 20 * time.Minute, Lease: 45 * time.Minute, Margin: time.Minute, Period: 5 * 24 * time.Hour, TokenTTL: 9 * time.Hour,
		}
		issuer := timeline.New(ctx, t, time.Now, p)
		kids := map[string]bool{}
		began := time.Now()
		tokens, byHand := 0, 0
		for time.Since(began) < 2*365*24*time.Hour {
			time.Sleep(time.Duration(below(t, int64(12*time.Hour))))
			kept := keySet(t, issuer)
			if below(t, 10) == 0 && rotate(ctx, t, issuer) {
				// And once more at the first instant that is allowed, when the oldest set that may still be kept is as old as it may be.
				o, err := issuer.Keys.Overview(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if wait := time.Until(o.SafeToRotate.Add(-p.MaxAge)); wait > 0 {
					time.Sleep(wait)
					kept = keySet(t, issuer)
				}
				time.Sleep(time.Until(o.SafeToRotate))
				if !rotate(ctx, t, issuer) {
					t.Fatal("refused at the instant from which it is safe")
				}
				byHand += 2
			} else {
				kept = keySet(t, issuer)
				time.Sleep(p.MaxAge)
			}
			token := issuer.Mint(ctx, t, time.Duration(1+below(t, int64(p.TokenTTL/time.Second)))*time.Second)
			kids[kidOf(t, token)] = true
			dies := kept.verifies(t, "a key set that was kept for its max-age", token)
			for dies.After(time.Now()) {
				later := keySet(t, issuer)
				later.verifies(t, "a fresh key set", token)
				time.Sleep(min(p.MaxAge, time.Until(dies)-time.Millisecond))
				later.verifies(t, "a key set that is kept while the token lives", token)
				time.Sleep(time.Duration(1 + below(t, int64(2*time.Hour))))
			}
			tokens++
		}
		if tokens < 700 || len(kids) < 120 || byHand < 50 {
			t.Errorf("too little happened: %d tokens of %d keys, %d rotations by hand", tokens, len(kids), byHand)
		}
		cancel()
	})
}

// rotate rotates by hand and tells whether that was allowed.
func rotate(ctx context.Context, t *testing.T, issuer *timeline.Issuer) bool {
	t.Helper()
	err := issuer.Keys.Rotate(ctx, m2m.Actor{Kind: m2m.Operator}, keyring.Rotation{})
	if err != nil && !errors.Is(err, keyring.ErrTooSoon) {
		t.Fatal(err)
	}
	return err == nil
}

// publicKeys is a key set as a verifier holds it.
type publicKeys map[m2m.KeyID]ed25519.PublicKey

// PublicKey finds a key.
func (p publicKeys) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	key, ok := p[kid]
	return key, ok
}

func keySet(t *testing.T, issuer *timeline.Issuer) publicKeys {
	t.Helper()
	resp, err := issuer.Client().Get(timeline.KeySet)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // in memory
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwk.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	out := publicKeys{}
	for i := range set.Len() {
		key, _ := set.Key(i)
		var public ed25519.PublicKey
		if err := key.Raw(&public); err != nil {
			t.Fatal(err)
		}
		out[m2m.KeyID(key.KeyID())] = public
	}
	return out
}

// verifies fails the test unless the token verifies with the set alone, and tells when it dies.
func (p publicKeys) verifies(t *testing.T, what, token string) time.Time {
	t.Helper()
	v, err := jwtmode.NewVerifier(jwtmode.VerifierConfig{Issuer: timeline.Name, Keys: p, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(secret.Text(token), timeline.Receiver)
	if err != nil {
		t.Fatalf("%s: %s: %v", time.Now().UTC(), what, err)
	}
	return got.Grant.ExpiresAt
}
