package publickey

import (
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
