package keys

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// R32: no spelling of a point of small order, and nothing that is no point, can be registered as the public key of a machine.
func TestWhatIsNoPublicKeyCannotBeRegistered(t *testing.T) {
	text, err := os.ReadFile("../../internal/publickey/testdata/no_keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	spellings := regexp.MustCompile(`(?m)^([^#\n]*?) +([0-9a-f]+)$`).FindAllStringSubmatch(string(text), -1)
	if len(spellings) != 22 {
		t.Fatalf("%d spellings were read", len(spellings))
	}
	s := harness.New(t, harness.SQLite(t)).Start(t)
	machine := s.NewMachine(t, "A")
	jwk := func(x []byte) map[string]string {
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(x)}
	}
	for _, m := range spellings {
		x, err := hex.DecodeString(m[2])
		if err != nil {
			t.Fatal(err)
		}
		for method, path := range map[string]string{http.MethodPost: "/v1/machines", http.MethodPatch: "/v1/machines/" + machine.ID} {
			reply := s.Call(t, method, path, s.InstanceKey, harness.Fields{"name": "B", "public_jwk": jwk(x)})
			var out struct {
				Errors []struct {
					Meta struct {
						ParamName string `json:"param_name"`
					}
				}
			}
			if err := json.Unmarshal(reply.Body, &out); err != nil || reply.Status != http.StatusUnprocessableEntity || len(out.Errors) != 1 ||
				out.Errors[0].Meta.ParamName != "public_jwk" {
				t.Errorf("%s, %s: %d %s", m[1], method, reply.Status, reply.Body)
			}
		}
	}
	honest, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") // RFC 8037 appendix A.2
	if err != nil {
		t.Fatal(err)
	}
	s.Call(t, http.MethodPatch, "/v1/machines/"+machine.ID, s.InstanceKey, harness.Fields{"public_jwk": jwk(honest)}).Want(t, http.StatusOK)
}
