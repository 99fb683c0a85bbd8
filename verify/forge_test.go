package verify_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// forge makes bad tokens out of a good one, under a good signature where the fault is not in the signature.
type forge struct {
	issuer          *verifytest.Issuer
	good            string
	header, payload string // of the good one, as JSON
	kid             string
	public          ed25519.PublicKey
}

func newForge(tb testing.TB) *forge {
	tb.Helper()
	f := &forge{issuer: verifytest.NewIssuer(tb)}
	f.good = f.issuer.JWT(verifytest.Token{Claims: map[string]any{"role": "reader", "n": map[string]int{"a": 1}}})
	segments := strings.Split(f.good, ".")
	f.header, f.payload = unBase64(tb, segments[0]), unBase64(tb, segments[1])
	resp, err := http.Get(f.issuer.URL + "/.well-known/jwks.json")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kid, X string }
	}
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 1 {
		tb.Fatalf("%s: %v", text, err)
	}
	f.kid, f.public = set.Keys[0].Kid, ed25519.PublicKey(unBase64(tb, set.Keys[0].X))
	return f
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unBase64(tb testing.TB, s string) string {
	tb.Helper()
	out, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(out)
}

// head is the good token with another header.
func (f *forge) head(header string) string { return f.issuer.Sign(header, f.payload) }

// alg is the good token with another value of alg, written as JSON.
func (f *forge) alg(value string) string {
	return f.head(`{"alg":` + value + `,"kid":"` + f.kid + `","typ":"at+jwt"}`)
}

// underKid is the good token with another value of kid, written as JSON.
func (f *forge) underKid(value string) string {
	return f.head(`{"alg":"EdDSA","kid":` + value + `,"typ":"at+jwt"}`)
}

// more is the good token with one more member in its header.
func (f *forge) more(member string) string {
	return f.head(f.header[:len(f.header)-1] + "," + member + "}")
}

// claim is the good token with a claim in front, beside what it says itself.
func (f *forge) claim(member string) string {
	return f.issuer.Sign(f.header, "{"+member+","+f.payload[1:])
}

// change is the good token with this part of its payload replaced, which must be there.
func (f *forge) change(t *testing.T, from, to string) string {
	t.Helper()
	return f.issuer.Sign(f.header, replace(t, f.payload, from, to))
}

// exp is the good token with another exp, written as JSON; empty: none.
func (f *forge) exp(t *testing.T, value string) string {
	t.Helper()
	begin := strings.Index(f.payload, `"exp":`)
	end := begin + strings.IndexByte(f.payload[begin:], ',')
	if value == "" {
		return f.issuer.Sign(f.header, f.payload[:begin]+f.payload[end+1:])
	}
	return f.issuer.Sign(f.header, f.payload[:begin]+`"exp":`+value+f.payload[end:])
}

// refused holds bad tokens to being refused without a word why, and the good one beside each to being accepted, by a verifier that
// remembers the good one and by one that remembers nothing.
func (f *forge) refused(t *testing.T, bad map[string]string) {
	t.Helper()
	config := f.issuer.Config()
	remembering := open(t, config)
	config.Remember = -1
	for kind, v := range map[string]*verify.Verifier{"remembering": remembering, "forgetful": open(t, config)} {
		accept := func(beside string) {
			t.Helper()
			if g, err := v.Verify(t.Context(), f.good); err != nil || g.Machine != verifytest.Caller {
				t.Fatalf("%s, beside %s: the good token: %+v, %v", kind, beside, g, err)
			}
		}
		accept("all")
		for name, token := range bad {
			if token == f.good {
				t.Fatalf("%s is the good token", name)
			}
			if g, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrRefused) || err.Error() != verify.ErrRefused.Error() || g != nil {
				t.Errorf("%s, %s: %+v, %v", kind, name, g, err)
			}
			accept(name)
		}
	}
}
