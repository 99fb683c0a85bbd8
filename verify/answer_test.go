package verify

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/internal/secret"
)

const (
	fuzzMe     = "mch_000000000000000000000000B00"
	fuzzResult = `{"object":"machine_to_machine_token","id":"mt_1","subject":"mch_000000000000000000000000A00","claims":{"a":[1]},"scopes":["` + fuzzMe +
		`"],"revoked":false,"revocation_reason":null,"expired":false,"expiration":2000,"last_used_at":null,"created_at":1999,"updated_at":1,"token_format":"jwt"}`
)

// I3, I6: whatever text comes back, what is taken for a grant says everything that a good token says, as encoding/json reads it too.
func FuzzReadAnswer(f *testing.F) {
	f.Add(`{"results":[` + fuzzResult + `]}`)
	f.Add(`{"results":[` + fuzzResult + `,{"errors":[{"code":"resource_not_found"}]}]}`)
	f.Add(`{"results":[{"errors":[]},{}]}`)
	f.Add(`{"results":[` + fuzzResult[:len(fuzzResult)-1] + `,"revoked":true}]}`)
	f.Add(`{"results":[` + fuzzResult[:len(fuzzResult)-1] + `,"Revoked":true}]}`)
	f.Add(`{"results":[` + fuzzResult[:len(fuzzResult)-1] + `,"errors":[]}]}`)
	f.Add(`{"results":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		grants, ok := readAnswer([]byte(text), fuzzMe)
		if !ok {
			return
		}
		var answer struct {
			Results []map[string]json.RawMessage `json:"results"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Results) != len(grants) {
			t.Fatalf("%d grants, and encoding/json says %v of %d", len(grants), err, len(answer.Results))
		}
		for i, g := range grants {
			if g == nil {
				continue
			}
			r := answer.Results[i]
			says := func(name string, want any) {
				got, err := json.Marshal(want)
				if err != nil || string(r[name]) != string(got) {
					var a, b any
					if json.Unmarshal(r[name], &a) != nil || json.Unmarshal(got, &b) != nil || a != b {
						t.Fatalf("%s is %s, taken for %s", name, r[name], got)
					}
				}
			}
			says("object", "machine_to_machine_token")
			says("id", g.ID)
			says("subject", g.Machine)
			says("revoked", false)
			says("expired", false)
			if _, wrong := r["errors"]; wrong || g.ID == "" || g.Machine == "" || !slices.Contains(g.Scopes, fuzzMe) {
				t.Fatalf("%s is taken for %+v", text, g)
			}
		}
	})
}

// What is asked is what is meant, and what is kept of an answer is no more than the grant.
func TestTheQuestionIsOneListOfStrings(t *testing.T) {
	tokens := []secret.Text{"mt_1", "a.b-_.c", `"]}`}
	var body map[string][]string
	if err := json.Unmarshal(writeQuestion(tokens), &body); err != nil || len(body) != 1 || !slices.Equal(body["tokens"], []string{"mt_1", "a.b-_.c", `"]}`}) {
		t.Errorf("%s: %v", writeQuestion(tokens), err)
	}
	text := []byte(`{"results":[` + fuzzResult + `]}`)
	grants, ok := readAnswer(text, fuzzMe)
	if !ok || grants[0] == nil {
		t.Fatal("the good answer is not read")
	}
	clear(text)
	if g := grants[0]; string(g.Claims) != `{"a":[1]}` || g.ID != "mt_1" || g.Scopes[0] != fuzzMe || !g.JWT || g.ExpiresAt.UnixMilli() != 2000 || g.IssuedAt.Unix() != 1 {
		t.Errorf("%+v %s", g, g.Claims)
	}
}
