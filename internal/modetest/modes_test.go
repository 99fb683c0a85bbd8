package modetest_test

import (
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/modetest"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
)

const (
	issuer = "https://issuer.example"
	kid    = m2m.KeyID("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
)

// oneKey is a set of one key.
type oneKey struct{ ed25519.PrivateKey }

func (k oneKey) Signer(context.Context) (m2m.KeyID, ed25519.PrivateKey, error) {
	return kid, k.PrivateKey, nil
}

func (k oneKey) PublicKey(id m2m.KeyID) (ed25519.PublicKey, bool) {
	return k.Public().(ed25519.PublicKey), id == kid
}

func key() oneKey {
	return oneKey{ed25519.NewKeyFromSeed(slices.Repeat([]byte{7}, ed25519.SeedSize))}
}

func signing() *jwtmode.Mode {
	return jwtmode.New(jwtmode.Deps{Issuer: issuer, Signer: key(), PublicKeys: key(), Now: modetest.Epoch})
}

func tokenOf(t *testing.T, m m2m.Mode) secret.Text {
	t.Helper()
	minted, err := m.Mint(t.Context(), modetest.Example())
	if err != nil {
		t.Fatal(err)
	}
	return minted.Bearer
}

// R2, R3: the promises of every mode, for the opaque one.
func TestOpaqueKeepsThePromisesOfEveryMode(t *testing.T) {
	modetest.Run(t, modetest.Subject{Format: m2m.Opaque, Mode: opaque.New(), Foreign: tokenOf(t, signing())})
}

// R2, R3: the promises of every mode, for the signed one.
func TestJWTKeepsThePromisesOfEveryMode(t *testing.T) {
	v, err := jwtmode.NewVerifier(jwtmode.VerifierConfig{Issuer: issuer, Keys: key(), Now: modetest.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	modetest.Run(t, modetest.Subject{
		Format: m2m.JWT, Mode: signing(), Foreign: tokenOf(t, opaque.New()),
		Says: func(b secret.Text) (m2m.Grant, error) {
			got, err := v.VerifyAnyReceiver(b)
			return got.Grant, err
		},
	})
}

// R5: an opaque token is the same whatever it is for: the prefix, 38 characters without a dot, and never twice the same.
func TestOpaqueTokensCarryNoInformation(t *testing.T) {
	other := m2m.Grant{ID: "mt_ffffffffffffffffffffffffffffffff", Machine: "mch_ZZZZZZZZZZZZZZZZZZZZZZZZZZZ", IssuedAt: time.Unix(1, 0)}
	seen := map[string]bool{}
	for i := range 2000 {
		g := modetest.Example()
		if i%2 == 0 {
			g = other
		}
		minted, err := opaque.New().Mint(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		token := minted.Bearer.Reveal()
		if len(token) != 41 || !strings.HasPrefix(token, "mt_") || strings.Contains(token, ".") || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
		for _, part := range []string{string(g.ID)[3:], string(g.Machine)[4:]} {
			if strings.Contains(token, part[:8]) {
				t.Fatalf("%q tells of %s", token, part)
			}
		}
		if minted.KeyID != "" || minted.Hash != secret.HashOf(minted.Bearer) {
			t.Fatalf("kept as %+v", minted)
		}
	}
}

// The shapes of the two formats exclude each other, and neither mode reads the other's.
func TestNoStringHasTwoShapes(t *testing.T) {
	for _, text := range []string{"mt_a.b.c", "mt_..", "mt_", "..", ".", "", "a.b", "a.b.c.d", "mt_a.b"} {
		b := secret.Text(text)
		for format, mode := range map[m2m.Format]m2m.Mode{m2m.Opaque: opaque.New(), m2m.JWT: signing()} {
			if _, err := mode.Read(t.Context(), b, time.Now()); err == nil {
				t.Errorf("%s reads %q", format, text)
			}
		}
	}
}
