package verify

// Cost of an answer: a few walks over its text, and for each token its Grant and what is in it. Every token of a batch waits for this.

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// answerDepth is how deep an answer may be nested: custom claims of depth 8 (R24), in an object, in the array, in the answer.
const answerDepth = 11

// writeQuestion is the body of verify_batch.
func writeQuestion(tokens []secret.Text) []byte {
	size := len(`{"tokens":[]}`)
	for _, t := range tokens {
		size += len(t) + len(`"",`)
	}
	body := append(make([]byte, 0, size), `{"tokens":[`...)
	for i, t := range tokens {
		if i > 0 {
			body = append(body, ',')
		}
		body = strictjson.AppendString(body, t.Reveal())
	}
	return append(body, `]}`...)
}

// readAnswer reads the answer to it. A nil grant is a refusal, which everything is that is not wholly a good token object. False: this is
// no answer.
func readAnswer(text []byte, me string) ([]*Grant, bool) {
	answer, err := strictjson.Parse(text, answerDepth)
	if err != nil {
		return nil, false
	}
	list, _ := answer.Get("results")
	results, ok := list.Array()
	if !ok {
		return nil, false
	}
	out := make([]*Grant, len(results))
	for i, r := range results {
		if out[i], ok = readResult(r, me); !ok {
			return nil, false
		}
	}
	return out, true
}

// readResult reads one result. It is a good one if it says everything that a good one says. False: it is no object.
func readResult(text strictjson.Value, me string) (*Grant, bool) {
	if !text.IsObject() {
		return nil, false
	}
	var g Grant
	var scopes, claims strictjson.Value
	said := 0 // a name stands once, so that as many as are asked for are all of them
	for name, v := range text.Members() {
		fine := true
		switch string(name) {
		case "errors":
			fine = false
		case "object":
			fine = string(v) == `"machine_to_machine_token"`
		case "id":
			g.ID, fine = v.String()
			fine = fine && g.ID != ""
		case "subject":
			g.Machine, fine = v.String()
			fine = fine && g.Machine != ""
		case "revoked", "expired":
			fine = string(v) == `false`
		case "created_at":
			g.IssuedAt, fine = milliseconds(v)
			g.IssuedAt = g.IssuedAt.Truncate(time.Second)
		case "expiration":
			if !v.IsNull() {
				g.ExpiresAt, fine = milliseconds(v)
			}
		case "token_format":
			g.JWT = string(v) == `"jwt"`
		case "scopes":
			scopes = v
		case "claims":
			claims, fine = v, v.IsNull() || v.IsObject()
		default:
			continue
		}
		if !fine {
			return nil, true
		}
		said++
	}
	var ok bool
	if g.Scopes, ok = readScopes(scopes, me); !ok || said != asked {
		return nil, true
	}
	if !claims.IsNull() {
		g.Claims = json.RawMessage(bytes.Clone(claims)) // what is kept of an answer must not keep all of it
	}
	return &g, true
}

// asked is how many members a good result must have.
const asked = 10

func milliseconds(v strictjson.Value) (time.Time, bool) {
	n, ok := v.Int()
	return time.UnixMilli(n).UTC(), ok
}

// readScopes gives the scopes of a token that is for me.
func readScopes(v strictjson.Value, me string) ([]string, bool) {
	elements, ok := v.Array()
	if !ok {
		return nil, false
	}
	out := make([]string, len(elements))
	mine := false
	for i, e := range elements {
		if len(e) == len(me)+2 && string(e[1:len(e)-1]) == me {
			out[i], mine = me, true
			continue
		}
		if out[i], ok = e.String(); !ok {
			return nil, false
		}
	}
	return out, mine
}
