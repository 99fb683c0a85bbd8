package jwt

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// The key pair of RFC 8037 appendix A, and the thumbprint that its section A.3 gives it.
const (
	testSeed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	testKid  = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
)

const (
	issuer   = "https://issuer.example"
	machineA = "mch_000000000000000000000000A00"
	machineB = "mch_000000000000000000000000B00"
	machineC = "mch_000000000000000000000000C00"
	tokenID  = "mt_0123456789abcdef0123456789abcdef"
	start    = 1_900_000_000 // 2030-03-17
	life     = 3600
)

// ring is both sides of a set of keys: the first signs.
type ring struct {
	kid     m2m.KeyID
	private ed25519.PrivateKey
	public  map[m2m.KeyID]ed25519.PublicKey
	err     error
}

func newRing() *ring {
	seed, _ := base64.RawURLEncoding.DecodeString(testSeed)
	private := ed25519.NewKeyFromSeed(seed)
	return &ring{
		kid: testKid, private: private,
		public: map[m2m.KeyID]ed25519.PublicKey{testKid: private.Public().(ed25519.PublicKey)},
	}
}

func (r *ring) Signer(context.Context) (m2m.KeyID, ed25519.PrivateKey, error) {
	return r.kid, r.private, r.err
}

func (r *ring) PublicKey(kid m2m.KeyID) (ed25519.PublicKey, bool) {
	key, ok := r.public[kid]
	return key, ok
}

// sign makes a token of any header and payload with the good key.
func (r *ring) sign(header, payload string) secret.Text {
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	return secret.Text(signed + "." + b64.EncodeToString(ed25519.Sign(r.private, []byte(signed))))
}

func at(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 0).UTC() }
}

func verifierAt(tb testing.TB, seconds int64, leeway time.Duration) *Verifier {
	tb.Helper()
	v, err := NewVerifier(VerifierConfig{Issuer: issuer, Keys: newRing(), Now: at(seconds), Leeway: leeway})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func modeAt(seconds int64) *Mode {
	r := newRing()
	return New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(seconds)})
}

func goodGrant() m2m.Grant {
	return m2m.Grant{
		ID: tokenID, Machine: machineA, Scopes: m2m.Scopes{machineB, machineC},
		Claims:    m2m.Claims(`{"permissions":["read","write"],"role":"billing"}`),
		IssuedAt:  time.Unix(start, 0).UTC(),
		ExpiresAt: time.Unix(start+life, 0).UTC(),
	}
}

func mint(tb testing.TB, g m2m.Grant) secret.Text {
	tb.Helper()
	minted, err := modeAt(start).Mint(context.Background(), g)
	if err != nil {
		tb.Fatal(err)
	}
	return minted.Bearer
}

const goodHeader = `{"alg":"EdDSA","kid":"` + testKid + `","typ":"at+jwt"}`

func goodPayload() string { return string(writeClaims(nil, issuer, goodGrant())) }

// instead gives the good payload with one member replaced, or taken away when value is empty.
func instead(name, value string) string {
	payload := goodPayload()
	begin := strings.Index(payload, `"`+name+`":`)
	end := begin
	for depth, quoted := 0, false; ; end++ {
		c := payload[end]
		quoted = quoted != (c == '"')
		if c == '[' {
			depth++
		}
		if c == ']' {
			depth--
		}
		if !quoted && depth == 0 && (c == ',' || c == '}') {
			break
		}
	}
	if value == "" {
		return payload[:begin] + payload[end+1:]
	}
	return payload[:begin] + `"` + name + `":` + value + payload[end:]
}

// beside gives the good payload with one more member in front.
func beside(members string) string { return "{" + members + "," + goodPayload()[1:] }

// mustRefuse holds a bad token against the step at which it must fail, and the good token beside it.
func mustRefuse(t *testing.T, token secret.Text, step refusal) {
	t.Helper()
	v := verifierAt(t, start, 0)
	if _, err := v.Verify(mint(t, goodGrant()), machineB); err != nil {
		t.Fatalf("the good token beside it: %v", err)
	}
	got, err := v.Verify(token, machineB)
	if !errors.Is(err, m2m.ErrRefused) {
		t.Fatalf("accepted: %+v, %v", got, err)
	}
	if !errors.Is(err, step) {
		t.Errorf("refused for %v; want %s", err, step)
	}
	if got.KeyID != "" || got.Grant.Machine != "" {
		t.Errorf("a refused token still says %+v", got)
	}
	if r := token.Reveal(); len(r) > 20 && strings.Contains(fmt.Sprint(err), r[:20]) {
		t.Errorf("the error repeats the token: %v", err)
	}
}

func otherKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
}
