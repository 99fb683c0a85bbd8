package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// frozen is testdata/frozen.json: tokens of the first release, which must verify for ever. It is never written again; a new
// form of token gets a new entry.
type frozen struct {
	Issuer string `json:"issuer"`
	Seed   string `json:"seed"`
	Kid    string `json:"kid"`
	Tokens []struct {
		Name     string `json:"name"`
		Token    string `json:"token"`
		At       int64  `json:"at"`
		Receiver string `json:"receiver"`
		Grant    struct {
			ID        string   `json:"id"`
			Machine   string   `json:"machine"`
			Scopes    []string `json:"scopes"`
			Claims    string   `json:"claims"`
			IssuedAt  int64    `json:"issued_at"`
			ExpiresAt int64    `json:"expires_at"`
		} `json:"grant"`
	} `json:"tokens"`
}

func TestTokensOfTheFirstReleaseVerifyForEver(t *testing.T) {
	text, err := os.ReadFile("testdata/frozen.json")
	if err != nil {
		t.Fatal(err)
	}
	var f frozen
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(f.Seed)
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	r := &ring{
		kid: m2m.KeyID(f.Kid), private: private,
		public: map[m2m.KeyID]ed25519.PublicKey{m2m.KeyID(f.Kid): private.Public().(ed25519.PublicKey)},
	}
	if len(f.Tokens) < 2 {
		t.Fatalf("%d tokens", len(f.Tokens))
	}
	for _, c := range f.Tokens {
		t.Run(c.Name, func(t *testing.T) {
			v, err := NewVerifier(VerifierConfig{Issuer: f.Issuer, Keys: r, Now: at(c.At)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(secret.Text(c.Token), m2m.MachineID(c.Receiver))
			if err != nil {
				t.Fatal(err)
			}
			want := m2m.Grant{
				ID: m2m.TokenID(c.Grant.ID), Machine: m2m.MachineID(c.Grant.Machine),
				IssuedAt: time.Unix(c.Grant.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.Grant.ExpiresAt, 0).UTC(),
			}
			if c.Grant.Claims != "" {
				want.Claims = m2m.Claims(c.Grant.Claims)
			}
			for _, id := range c.Grant.Scopes {
				want.Scopes = append(want.Scopes, m2m.MachineID(id))
			}
			if diff := cmp.Diff(Verified{Grant: want, KeyID: m2m.KeyID(f.Kid)}, got); diff != "" {
				t.Errorf("reads differently now (-then +now):\n%s", diff)
			}
			// Ed25519 is deterministic: what we mint today is what we minted then.
			minted, err := New(Deps{Issuer: f.Issuer, Signer: r, PublicKeys: r, Now: at(c.At)}).Mint(t.Context(), want)
			if err != nil || minted.Bearer.Reveal() != c.Token {
				t.Errorf("mints differently now: %s, %v", minted.Bearer.Reveal(), err)
			}
		})
	}
}

// RFC 8037 appendix A.4 and A.5: the signature that golang-jwt's method makes and checks is the RFC's.
func TestSigningMethodIsRFC8037(t *testing.T) {
	const (
		signed    = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
		signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	)
	r := newRing()
	got, err := gojwt.SigningMethodEdDSA.Sign(signed, r.private)
	if err != nil || base64.RawURLEncoding.EncodeToString(got) != signature {
		t.Errorf("signature %s, %v", base64.RawURLEncoding.EncodeToString(got), err)
	}
	if err := gojwt.SigningMethodEdDSA.Verify(signed, got, r.public[testKid]); err != nil {
		t.Error(err)
	}
	// A good signature makes no token of ours of it.
	mustRefuse(t, secret.Text(signed+"."+signature), errHeader)
}
