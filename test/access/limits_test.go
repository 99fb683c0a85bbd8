package access

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// R25
func TestALifetimeIsAFiniteNumberWithinBounds(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			for _, seconds := range []string{`0`, `-1`, `-0.5`, `1e308`, `1e999`, `"60"`, `true`, `{}`, `[60]`, `315360001`, `0e5`, `-0`} {
				got := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, `{"token_format":"`+format+`","seconds_until_expiration":`+seconds+`}`)
				if got.Status != http.StatusBadRequest || got.Fault(t).Meta.ParamName != "seconds_until_expiration" {
					t.Errorf("%s, %s: %d %s", format, seconds, got.Status, got.Body)
				}
			}
		}
		over := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, harness.Fields{"token_format": "jwt", "seconds_until_expiration": 86401})
		if over.Status != http.StatusBadRequest {
			t.Errorf("a JWT of more than a day: %d %s", over.Status, over.Body)
		}
	})
}

// Expiry is rounded up to the whole second and creation is in milliseconds; the answers of create, list and verify agree.
func TestExpiryIsAWholeSecondNotBeforeTheOneAskedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			for _, seconds := range []float64{0.001, 1, 1.5, 59.999, 3600} {
				before := now().UnixMilli()
				token := w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format, "seconds_until_expiration": seconds})
				after := now().UnixMilli()
				life := int64(seconds * 1000)
				if token.CreatedAt < before || token.CreatedAt > after {
					t.Errorf("created at %d, between %d and %d", token.CreatedAt, before, after)
				}
				if e := *token.Expiration; e%1000 != 0 || e < token.CreatedAt+life || e > after+life+1000 {
					t.Errorf("%s of %vs: expires %d ms after its creation", format, seconds, e-token.CreatedAt)
				}
				if seconds < 10 {
					continue
				}
				var shown harness.Token
				w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK).Into(t, &shown)
				if *shown.Expiration != *token.Expiration || shown.CreatedAt != token.CreatedAt {
					t.Errorf("%s: verify shows %d and %d, create showed %d and %d", format, *shown.Expiration, shown.CreatedAt, *token.Expiration, token.CreatedAt)
				}
			}
		}
	})
}

// A token is dead at its expiry second, not after it, and not before.
func TestATokenDiesAtItsExpiry(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.Mint(t, w.a.SecretKey, harness.Fields{"token_format": format, "seconds_until_expiration": 1})
			expiry := time.UnixMilli(*token.Expiration)
			for late := 0; late < 10; {
				began := now()
				r := w.Verify(t, w.b.SecretKey, token.Token)
				switch {
				case !began.Before(expiry):
					late++
					refused(t, r, format+" after its expiry")
				case r.Status != http.StatusOK && now().Before(expiry):
					t.Fatalf("%s refused %v before its expiry", format, time.Until(expiry))
				}
			}
			var list struct {
				Tokens []harness.Token `json:"m2m_tokens"`
			}
			w.Call(t, http.MethodGet, "/m2m_tokens?expired=true&limit=1&subject="+w.a.ID, w.a.SecretKey, nil).Want(t, http.StatusOK).Into(t, &list)
			if len(list.Tokens) != 1 || list.Tokens[0].ID != token.ID || !list.Tokens[0].Expired {
				t.Errorf("%s: listed as %+v", format, list.Tokens)
			}
			w.Call(t, http.MethodGet, "/m2m_tokens?limit=1&subject="+w.a.ID, w.a.SecretKey, nil).Want(t, http.StatusOK).Into(t, &list)
			if len(list.Tokens) != 0 {
				t.Errorf("%s: listed without being asked for", format)
			}
		}
	})
}

func TestTheMachinesDefaultsRuleWhatWasNotAskedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		endless := w.MachineWith(t, harness.Fields{"name": "endless", "default_token_ttl": nil})
		if endless.DefaultTokenTTL != nil {
			t.Errorf("default_token_ttl %d, want null", *endless.DefaultTokenTTL)
		}
		token := w.Mint(t, endless.SecretKey, harness.Fields{"seconds_until_expiration": nil})
		if token.Expiration != nil || token.Expired {
			t.Errorf("an endless token expires: %+v", token)
		}
		w.Verify(t, w.InstanceKey, token.Token).Want(t, http.StatusOK)
		jwt := w.Mint(t, endless.SecretKey, harness.Fields{"token_format": "jwt"})
		if jwt.Expiration == nil || *jwt.Expiration > jwt.CreatedAt+24*3600*1000+1000 {
			t.Errorf("a JWT always expires: %+v", jwt)
		}

		byDefault := w.MachineWith(t, harness.Fields{"name": "jwt", "default_token_ttl": 90, "default_token_format": "jwt"})
		token = w.Mint(t, byDefault.SecretKey, nil)
		if token.Format != "jwt" || strings.Count(token.Token, ".") != 2 {
			t.Errorf("minted %s, want a JWT", token.Format)
		}
		if life := *token.Expiration - token.CreatedAt; life < 90_000 || life > 91_000 {
			t.Errorf("lives %d ms, want 90 s", life)
		}
		w.Call(t, http.MethodPatch, "/v1/machines/"+byDefault.ID, w.InstanceKey, harness.Fields{"default_token_format": "opaque"}).Want(t, http.StatusOK)
		if token = w.Mint(t, byDefault.SecretKey, nil); token.Format != "opaque" {
			t.Errorf("minted %s, want an opaque token", token.Format)
		}
	})
}

// R24, R28
func TestClaimsHaveTheSameLimitsInBothFormats(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		deep := strings.Repeat(`{"a":`, 9) + `1` + strings.Repeat(`}`, 9)
		many := &strings.Builder{}
		for i := range 65 {
			fmt.Fprintf(many, `%c"k%d":%d`, ",{"[btoi(i == 0)], i, i)
		}
		many.WriteString("}")
		for _, format := range formats {
			for what, claims := range map[string]string{
				"nine deep": deep, "sixty-five members": many.String(), "more than 4 KiB": `{"a":"` + strings.Repeat("x", 4<<10) + `"}`,
				"twice the same name": `{"a":1,"a":2}`, "a NUL": `{"a":"\u0000"}`, "a NUL in a name": `{"\u0000":1}`,
				"a lone surrogate": `{"a":"\ud800"}`, "a number that loses precision": `{"a":9007199254740993}`, "too large a number": `{"a":1e400}`,
				"an array": `[1]`, "a string": `"x"`, "a number": `7`, "reserved": `{"exp":1}`, "reserved, folded": `{"EXP":1}`,
				"reserved under simple folding": `{"\u017fub":1}`, "a Kelvin sign": `{"\u212aid":1}`,
			} {
				got := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, `{"token_format":"`+format+`","claims":`+claims+`}`)
				if got.Status != http.StatusBadRequest {
					t.Errorf("%s, %s: %d %s", format, what, got.Status, got.Body)
				} else {
					got.Fault(t)
				}
			}
			claims := `{"b":[1,2.5,-0.001,1e21,true,null,"\u00fc\ud83d\ude00\u0001<>&"],"":0,"a":{"` + strings.Repeat("n", 100) + `":{}}}`
			made := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, `{"token_format":"`+format+`","claims":`+claims+`}`).Want(t, http.StatusCreated)
			var token harness.Token
			made.Into(t, &token)
			shown := w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			if a, b := claimsOf(made.Body), claimsOf(shown.Body); !bytes.Equal(a, b) || len(a) < 100 {
				t.Errorf("%s: created with %s, verified with %s", format, a, b)
			}
		}
	})
}

// R53
func TestBodiesHaveCaps(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		pad := func(n int) string { return `{"token":"` + strings.Repeat("a", n) + `"}` }
		w.Call(t, http.MethodPost, "/m2m_tokens/verify", w.b.SecretKey, pad(15<<10)).Want(t, http.StatusNotFound)
		for path, body := range map[string]string{
			"/m2m_tokens/verify":       pad(17 << 10),
			"/m2m_tokens":              `{"claims":{"a":"` + strings.Repeat("a", 65<<10) + `"}}`,
			"/m2m_tokens/verify_batch": `{"tokens":["` + strings.Repeat("a", 9<<18) + `"]}`,
		} {
			got := w.Call(t, http.MethodPost, path, w.b.SecretKey, body)
			if got.Status != http.StatusRequestEntityTooLarge || got.Fault(t).Code != "request_body_too_large" {
				t.Errorf("%s: %d %.200s", path, got.Status, got.Body)
			}
		}
		for n, want := range map[int]int{0: 400, 1: 200, 256: 200, 257: 400} {
			tokens := make([]string, n)
			got := w.Call(t, http.MethodPost, "/m2m_tokens/verify_batch", w.b.SecretKey, harness.Fields{"tokens": tokens})
			if got.Status != want {
				t.Errorf("a batch of %d: %d %.200s", n, got.Status, got.Body)
			}
		}
	})
}

func TestTokensAreListedNewestFirstByPage(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var ids []string
		for i := range 25 {
			ids = append([]string{w.mint(t, formats[i%2]).ID}, ids...)
			time.Sleep(2 * time.Millisecond) // creation times are in milliseconds
		}
		var got []string
		for offset := 0; offset < 30; offset += 7 {
			var page struct {
				Tokens []harness.Token `json:"m2m_tokens"`
				Total  int             `json:"total_count"`
			}
			w.Call(t, http.MethodGet, fmt.Sprintf("/m2m_tokens?subject=%s&limit=7&offset=%d", w.a.ID, offset), w.a.SecretKey, nil).
				Want(t, http.StatusOK).Into(t, &page)
			if page.Total != 25 {
				t.Fatalf("total_count %d", page.Total)
			}
			for _, token := range page.Tokens {
				got = append(got, token.ID)
				if token.Token != "" {
					t.Error("a list shows a token")
				}
			}
		}
		if strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("pages give %v, want %v", got, ids)
		}
		for _, query := range []string{"limit=0", "limit=101", "limit=x", "limit=-1", "offset=-1", "limit=1&limit=2", "revoked=maybe", "expired=1", "limit=1e1"} {
			r := w.Call(t, http.MethodGet, "/m2m_tokens?subject="+w.a.ID+"&"+query, w.a.SecretKey, nil)
			if r.Status != http.StatusBadRequest || r.Fault(t).Code != "invalid_query_parameter_value" {
				t.Errorf("%s: %d %s", query, r.Status, r.Body)
			}
		}
	})
}

// Names sort and search the same on both databases: bytewise order, search without ASCII case and without wildcards.
func TestMachinesSortAndSearchTheSameEverywhere(t *testing.T) { // R19
	onBoth(t, func(t *testing.T, w world) {
		for _, name := range []string{"zebra", "Zebra", "ähre", "Ähre", "100%", "100x", "under_score", "underXscore", `back\slash`, "a'b", "😀"} {
			w.NewMachine(t, "s:"+name)
		}
		list := func(query string) string {
			var page struct {
				Data  []harness.Machine `json:"data"`
				Total int               `json:"total_count"`
			}
			w.Call(t, http.MethodGet, "/v1/machines?limit=500&"+query, w.InstanceKey, nil).Want(t, http.StatusOK).Into(t, &page)
			if page.Total != len(page.Data) {
				t.Errorf("%s: total_count %d of %d", query, page.Total, len(page.Data))
			}
			var names []string
			for _, m := range page.Data {
				names = append(names, strings.TrimPrefix(m.Name, "s:"))
			}
			return strings.Join(names, " ")
		}
		for query, want := range map[string]string{
			"query=s:&order_by=name":    `100% 100x Zebra a'b back\slash underXscore under_score zebra Ähre ähre 😀`,
			"query=s:&order_by=%2Bname": `100% 100x Zebra a'b back\slash underXscore under_score zebra Ähre ähre 😀`,
			"query=s:&order_by=-name":   `😀 ähre Ähre zebra under_score underXscore back\slash a'b Zebra 100x 100%`,
			"query=ZEBRA&order_by=name": "Zebra zebra",
			"query=0%25":                "100%",
			"query=_":                   "under_score",
			"query=%5C":                 `back\slash`,
			"query=%27":                 "a'b",
			"query=%C3%84hre":           "Ähre",
			"query=%F0%9F%98%80":        "😀",
			"query=s:%25":               "",
		} {
			if got := list(query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		for _, query := range []string{"order_by=id", "order_by=name%3Bdrop", "order_by=--name", "order_by=name,id", "limit=501", "limit=0"} {
			if r := w.Call(t, http.MethodGet, "/v1/machines?"+query, w.InstanceKey, nil); r.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", query, r.Status, r.Body)
			}
		}
	})
}

// R18
func TestTheFirstRevocationStays(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.mint(t, format)
			path := "/m2m_tokens/" + token.ID + "/revoke"
			reason := strings.Repeat("ü", 500)
			first := w.Call(t, http.MethodPost, path, w.a.SecretKey, harness.Fields{"revocation_reason": reason}).Want(t, http.StatusOK)
			second := w.Call(t, http.MethodPost, path, w.InstanceKey, harness.Fields{"revocation_reason": "later"}).Want(t, http.StatusOK)
			if !bytes.Equal(first.Body, second.Body) || !bytes.Contains(first.Body, []byte(reason)) {
				t.Errorf("%s: first %s, then %s", format, first.Body, second.Body)
			}
			w.Call(t, http.MethodPost, path, w.a.SecretKey, harness.Fields{"revocation_reason": reason + "!"}).Want(t, http.StatusBadRequest)
		}
	})
}

func TestUsedTokensSaySo(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, format := range formats {
			token := w.mint(t, format)
			if token.LastUsedAt != nil {
				t.Errorf("%s: used before its first use", format)
			}
			w.Verify(t, w.b.SecretKey, token.Token).Want(t, http.StatusOK)
			var list struct {
				Tokens []harness.Token `json:"m2m_tokens"`
			}
			w.Call(t, http.MethodGet, "/m2m_tokens?limit=1&subject="+w.a.ID, w.a.SecretKey, nil).Want(t, http.StatusOK).Into(t, &list)
			if len(list.Tokens) != 1 || list.Tokens[0].ID != token.ID {
				t.Fatalf("%s: not listed", format)
			}
			if used := list.Tokens[0].LastUsedAt; used == nil || *used < token.CreatedAt-60_000 || *used > now().UnixMilli()+60_000 {
				t.Errorf("%s: last used at %v", format, used)
			}
		}
	})
}

func claimsOf(body []byte) []byte {
	_, rest, _ := bytes.Cut(body, []byte(`"claims":`))
	claims, _, _ := bytes.Cut(rest, []byte(`,"scopes":`))
	return claims
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
