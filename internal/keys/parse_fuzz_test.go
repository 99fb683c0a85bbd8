package keys

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/dualmint/dualmint/internal/publickey"
)

// R32: whatever is read as a key set, the keys in it are those that encoding/json finds there too, each under a kid of its own, public,
// and few.
func FuzzParseSet(f *testing.F) {
	const key = `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	f.Add([]byte(`{"keys":[` + key + `]}`))
	f.Add([]byte(`{"keys":[` + key + `,` + key + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"b","n":"AQAB","e":"AQAB"},` + key + `]}`))
	f.Add([]byte(`{"keys":[` + key[:len(key)-1] + `,"d":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"c","k":"AA"}]}`))
	f.Add([]byte(`{"Keys":[` + key + `]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseSet(text)
		if err != nil {
			if set != nil {
				t.Fatal("half a set")
			}
			return
		}
		var document struct {
			Keys []map[string]json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(text, &document); err != nil || len(document.Keys) > MaxSetKeys || len(text) > MaxSetLength {
			t.Fatalf("%d keys in %d bytes: %v", len(document.Keys), len(text), err)
		}
		of := map[string]map[string]json.RawMessage{}
		for _, k := range document.Keys {
			var kid string
			if err := json.Unmarshal(k["kid"], &kid); err != nil || of[kid] != nil {
				t.Fatalf("kid %q: twice, or %v", kid, err)
			}
			of[kid] = k
			for _, private := range []string{"d", "k", "p", "q"} {
				if _, ok := k[private]; ok {
					t.Fatalf("a private member in %s", text)
				}
			}
		}
		for kid, public := range set {
			var x string
			if err := json.Unmarshal(of[string(kid)]["x"], &x); err != nil || x != base64.RawURLEncoding.EncodeToString(public) {
				t.Fatalf("kid %s is %x, in the document %q", kid, public, x)
			}
			if err := publickey.CheckEd25519(public); err != nil {
				t.Fatal(err)
			}
		}
	})
}
