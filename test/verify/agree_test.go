package verify

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
	"github.com/dualmint/dualmint/verify"
)

// Whatever token is generated, not revoked, of a living machine, an uncompromised key and unchanged scopes: the offline verifier and the
// issuer's verify endpoint say the same of it, yes or no, word for word. So does the verifier that asks for opaque tokens.
func TestTheReceivingSideAndTheIssuerAgree(t *testing.T) {
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		machines := make([]harness.Machine, 4)
		verifiers := make([]*verify.Verifier, len(machines))
		for i := range machines {
			machines[i] = s.NewMachine(t, fmt.Sprint("machine ", i))
			v, err := verify.New(verify.Config{Issuer: s.Issuer, Machine: machines[i].ID, Secret: machines[i].SecretKey})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			verifiers[i] = v
		}
		for from := range machines {
			for to := range machines {
				if pick(2) == 0 {
					s.Allow(t, machines[from], machines[to])
				}
			}
		}
		good, bad := 0, 0
		for range 60 {
			body := harness.Fields{"token_format": []string{"opaque", "jwt"}[pick(2)], "claims": claims()}
			if pick(2) == 0 {
				body["seconds_until_expiration"] = 60 + pick(1000)
			}
			token := s.Mint(t, machines[pick(int64(len(machines)))].SecretKey, body).Token
			if pick(4) == 0 { // one character is another
				at := pick(int64(len(token)))
				token = token[:at] + string("ABab01"[pick(6)]) + token[at+1:]
			}
			for i, m := range machines {
				online := s.Verify(t, m.SecretKey, token)
				g, err := verifiers[i].Verify(t.Context(), token)
				if (online.Status == http.StatusOK) != (err == nil) || err != nil && !errors.Is(err, verify.ErrRefused) {
					t.Fatalf("%s: the issuer answers %d, the receiving side %v", body["token_format"], online.Status, err)
				}
				if err != nil {
					bad++
					continue
				}
				good++
				agree(t, online, g)
			}
		}
		if good < 20 || bad < 20 {
			t.Errorf("%d good and %d bad answers: the test says little", good, bad)
		}
	})
}

func agree(t *testing.T, online harness.Reply, g *verify.Grant) {
	t.Helper()
	var want struct {
		harness.Token
		Claims json.RawMessage `json:"claims"`
	}
	online.Into(t, &want)
	if string(want.Claims) == "null" {
		want.Claims = nil
	}
	if string(want.Claims) == "{}" && g.JWT && g.Claims == nil {
		want.Claims = nil // in a JWT, null and {} look alike
	}
	if g.ID != want.ID || g.Machine != want.Subject || fmt.Sprint(g.Scopes) != fmt.Sprint(want.Scopes) || string(g.Claims) != string(want.Claims) ||
		g.JWT != (want.Format == "jwt") || want.Expiration == nil || g.ExpiresAt.UnixMilli() != *want.Expiration {
		t.Fatalf("the issuer says %+v %s, the receiving side %+v %s", want.Token, want.Claims, g, g.Claims)
	}
}

func claims() any {
	switch pick(4) {
	case 0:
		return nil
	case 1:
		return map[string]any{}
	case 2:
		return map[string]any{"order": pick(1000), "nested": map[string]any{"sub": "é", "list": []int{1, 2}}}
	default:
		return map[string]any{"text": fmt.Sprintf("\u2028 <&> \" %d", pick(10)), "half": 0.5}
	}
}

// pick draws one of n.
func pick(n int64) int {
	i, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		panic(err)
	}
	return int(i.Int64())
}
