package publickey

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

const (
	ed = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`                                                // RFC 8037 appendix A.2
	ec = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}` // RFC 7515 appendix A.3
)

func TestAKeyIsOneOfTheTwo(t *testing.T) {
	for text, isEd := range map[string]bool{
		ed: true, strings.Replace(ed, "{", `{"alg":"EdDSA","use":"sig","kid":"mine",`, 1): true, strings.Replace(ed, "{", `{"alg":"Ed25519",`, 1): true,
		ec: false, strings.Replace(ec, "{", `{"alg":"ES256","kid":"mine",`, 1): false,
	} {
		k, err := Parse([]byte(text))
		if err != nil || (k.Ed25519 != nil) != isEd || (k.P256 != nil) == isEd || (k.ID == "mine") != strings.Contains(text, "mine") {
			t.Errorf("%s: %+v, %v", text, k, err)
		}
	}
}

// R32: what is no key for the key set is none for a machine either.
func TestPointsThatNoHonestKeyIsAreRefused(t *testing.T) {
	for name, point := range map[string]string{
		"order 1": "01" + strings.Repeat("00", 31), "order 4": strings.Repeat("00", 32), "order 4, other sign": strings.Repeat("00", 31) + "80",
		"order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "not reduced": strings.Repeat("ff", 32),
	} {
		raw, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
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

// A refused key is no key: whoever forgets the error has nothing to check a signature with. The error repeats nothing of the text.
func TestARefusedKeyIsNoKey(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", `{"kty":"oct","k":"c2VjcmV0"}`, strings.Replace(ed, "}", `,"d":"c2VjcmV0"}`, 1), strings.Replace(ed, "{", `{"kty":"OKP",`, 1),
		strings.Replace(ed, "Ed25519", "X25519", 1), strings.Replace(ed, "{", `{"alg":"ES256",`, 1), strings.Replace(ec, "{", `{"alg":"EdDSA",`, 1),
		strings.Replace(ed, "{", `{"use":"enc",`, 1), strings.Replace(ed, "{", `{"x5u":"c2VjcmV0",`, 1), strings.Replace(ed, "{", `{"y":"AAAA",`, 1),
		strings.Replace(ed, "{", `{"kid":"`+strings.Repeat("c2VjcmV0", 128)+`",`, 1),
	} {
		k, err := Parse([]byte(text))
		if err == nil || k.P256 != nil || k.Ed25519 != nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%.60s: %+v, %v", text, k, err)
		}
	}
}
