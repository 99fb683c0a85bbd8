package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/internal/publickey"
)

// RFC 8037 appendix A.1 to A.3: the key pair and its thumbprint.
func TestThumbprintOfRFC8037(t *testing.T) {
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if x := base64.RawURLEncoding.EncodeToString(public); x != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" {
		t.Errorf("x = %s", x)
	}
	if kid, err := Thumbprint(public); err != nil || kid != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("kid = %s, %v", kid, err)
	}
}

// All eight points of small order and the other spellings of them, and coordinates that are not reduced.
func TestPointsOfSmallOrderAreNoKeys(t *testing.T) {
	for name, text := range map[string]string{
		"order 1":                "0100000000000000000000000000000000000000000000000000000000000000",
		"order 1, sign set":      "0100000000000000000000000000000000000000000000000000000000000080",
		"order 2":                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 2, sign set":      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"order 4":                "0000000000000000000000000000000000000000000000000000000000000000",
		"order 4, other sign":    "0000000000000000000000000000000000000000000000000000000000000080",
		"order 8, first":         "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, first, sign":   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"order 8, second":        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 8, second, sign":  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"0 written as p":         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0 written as p, sign":   "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"1 written as p+1":       "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"1 written as p+1, sign": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"the greatest of all":    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"31 bytes":               "11111111111111111111111111111111111111111111111111111111111111",
		"33 bytes":               "111111111111111111111111111111111111111111111111111111111111111111",
		"no bytes":               "",
	} {
		public, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := publickey.CheckEd25519(public); err == nil {
			t.Errorf("%s is taken for a key", name)
		}
		if kid, err := Thumbprint(public); err == nil {
			t.Errorf("%s has the kid %s", name, kid)
		}
	}
	for range 100 {
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := publickey.CheckEd25519(public); err != nil {
			t.Errorf("an honest key %x: %v", public, err)
		}
	}
	below, _ := hex.DecodeString("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	if err := publickey.CheckEd25519(below); err != nil {
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
