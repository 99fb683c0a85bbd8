package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
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

// RFC 7638 section 3.1: the RSA key of the example, and its thumbprint.
func TestThumbprintOfRFC7638(t *testing.T) {
	key, err := jwk.ParseKey([]byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4` +
		`n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpb` +
		`ISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",` +
		`"e":"AQAB","alg":"RS256","kid":"2011-04-29"}`))
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := thumbprintOf(key); err != nil || kid != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("kid = %s, %v", kid, err)
	}
}

// What is no key has no name, and so is in no key set: the identity, and a coordinate of no point.
func TestWhatIsNoKeyHasNoThumbprint(t *testing.T) {
	for _, y := range []byte{1, 2} {
		public := make(ed25519.PublicKey, ed25519.PublicKeySize)
		public[0] = y
		if kid, err := Thumbprint(public); err == nil {
			t.Errorf("y = %d has the kid %s", y, kid)
		}
	}
}
