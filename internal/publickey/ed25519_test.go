package publickey

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// noKeys reads the bytes that are no Ed25519 public key, by their names.
func noKeys(tb testing.TB) map[string][]byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/no_keys.txt")
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]byte{"no bytes": nil}
	for _, m := range regexp.MustCompile(`(?m)^([^#\n]*?) +([0-9a-f]+)$`).FindAllStringSubmatch(string(text), -1) {
		if out[m[1]], err = hex.DecodeString(m[2]); err != nil {
			tb.Fatal(err)
		}
	}
	if len(out) != 23 {
		tb.Fatalf("%d spellings were read", len(out))
	}
	return out
}

// R32: all eight points of small order and the other spellings of them, coordinates that are not reduced, and what is on no curve. What is no
// key for the key set is none for a machine either.
func TestPointsThatNoHonestKeyIsAreRefused(t *testing.T) {
	for name, raw := range noKeys(t) {
		if err := CheckEd25519(raw); err == nil {
			t.Errorf("%s is taken for a key", name)
		}
		text := `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(raw) + `"}`
		if k, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken: %+v", name, k)
		}
	}
	if k, err := Parse([]byte(strings.Replace(ec, "5a0", "5a4", 1))); err == nil {
		t.Errorf("a point off the curve is taken: %+v", k)
	}
}

func TestHonestKeysAreTaken(t *testing.T) {
	for range 100 {
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckEd25519(public); err != nil {
			t.Errorf("an honest key %x: %v", public, err)
		}
	}
	nextToThePrime, err := hex.DecodeString("eaffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckEd25519(nextToThePrime); err != nil {
		t.Errorf("a reduced coordinate next to the prime: %v", err)
	}
}

// Why they are no keys: under the identity one signature is good for every message, and Go's check does not mind.
func TestTheIdentityWouldSignEverything(t *testing.T) {
	identity := make([]byte, ed25519.PublicKeySize)
	identity[0] = 1
	signature := slices.Concat(identity, make([]byte, 32))
	for _, message := range []string{"", "any", "other"} {
		if !ed25519.Verify(identity, []byte(message), signature) {
			t.Errorf("crypto/ed25519 refuses it now for %q: the check may be dropped", message)
		}
	}
}
