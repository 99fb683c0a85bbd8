package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// client is a machine's key pair and what it registered.
type client struct {
	ed   ed25519.PrivateKey
	ec   *ecdsa.PrivateKey
	jwk  string
	asks int // how often its key was asked for
	fail error
}

func edClient() *client {
	key := otherKey()
	public := key.Public().(ed25519.PublicKey)
	return &client{ed: key, jwk: `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`}
}

func ecClient(tb testing.TB) *client {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return &client{ec: key, jwk: `{"kty":"EC","crv":"P-256","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}`}
}

// sign makes an assertion of any header and payload, with whichever key there is.
func (c *client) sign(tb testing.TB, header, payload string) secret.Text {
	tb.Helper()
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	var signature []byte
	if c.ed != nil {
		signature = ed25519.Sign(c.ed, []byte(signed))
	} else {
		digest := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, c.ec, digest[:])
		if err != nil {
			tb.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return secret.Text(signed + "." + b64.EncodeToString(signature))
}

func (c *client) read(tb testing.TB, assertion secret.Text) (m2m.Assertion, error) {
	tb.Helper()
	return NewAssertions(issuer, at(start)).Read(tb.Context(), assertion, func(_ context.Context, id m2m.MachineID) ([]byte, error) {
		c.asks++
		if id != machineA {
			return nil, m2m.ErrRefused
		}
		return []byte(c.jwk), c.fail
	})
}

// asserted is the payload that openid-client sends, with some members replaced, added (a name that is not there yet) or taken away ("").
func asserted(changes ...string) string {
	names := []string{"jti", "aud", "exp", "iat", "nbf", "iss", "sub"}
	values := map[string]string{
		"jti": `"0123456789abcdefghijkl"`, "aud": `"` + issuer + `"`, "exp": fmt.Sprint(start + 60), "iat": fmt.Sprint(start), "nbf": fmt.Sprint(start),
		"iss": `"` + machineA + `"`, "sub": `"` + machineA + `"`,
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if _, there := values[changes[i]]; !there {
			names = append(names, changes[i])
		}
		values[changes[i]] = changes[i+1]
	}
	var members []string
	for _, name := range names {
		if values[name] != "" {
			members = append(members, `"`+name+`":`+values[name])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

const edHeader = `{"alg":"Ed25519"}`

// RFC 7523 section 3, and what clients of today send.
func TestAssertionsOfRealClientsAreRead(t *testing.T) {
	ec := ecClient(t)
	keyed := edClient()
	keyed.jwk = strings.Replace(keyed.jwk, "{", `{"kid":"mine","use":"sig","alg":"EdDSA",`, 1)
	for name, c := range map[string]struct {
		client          *client
		header, payload string
	}{
		"openid-client, Ed25519":       {edClient(), edHeader, asserted()},
		"openid-client, ES256":         {ec, `{"alg":"ES256"}`, asserted()},
		"jose, EdDSA":                  {edClient(), `{"alg":"EdDSA","typ":"JWT"}`, asserted("nbf", "")},
		"RFC 7523bis":                  {edClient(), `{"typ":"client-authentication+jwt","alg":"EdDSA"}`, asserted("nbf", "", "iat", "")},
		"a kid that nobody registered": {edClient(), `{"alg":"EdDSA","kid":"any-of-mine"}`, asserted()},
		"the kid that was registered":  {keyed, `{"alg":"EdDSA","kid":"mine"}`, asserted()},
		"no kid, one registered":       {keyed, `{"alg":"EdDSA"}`, asserted()},
		"aud as a list of one":         {edClient(), edHeader, asserted("aud", `[ "`+issuer+`" ]`)},
		"slashes escaped, as PHP does": {edClient(), edHeader, asserted("aud", strings.ReplaceAll(`"`+issuer+`"`, "/", `\/`))},
		"the longest life":             {edClient(), edHeader, asserted("exp", fmt.Sprint(start+300))},
		"a clock that is 30 s ahead":   {edClient(), edHeader, asserted("exp", fmt.Sprint(start+330), "iat", fmt.Sprint(start+30), "nbf", fmt.Sprint(start+30))},
		"the last second":              {edClient(), edHeader, asserted("exp", fmt.Sprint(start+1), "iat", fmt.Sprint(start-3600), "nbf", fmt.Sprint(start-3600))},
		"the longest jti":              {edClient(), edHeader, asserted("jti", `"`+strings.Repeat("j", 255)+`"`)},
	} {
		t.Run(name, func(t *testing.T) {
			c.client.asks = 0
			got, err := c.client.read(t, c.client.sign(t, c.header, c.payload))
			if err != nil || got.Machine != machineA || got.Use == (secret.Hash{}) || !got.ExpiresAt.After(time.Unix(start, 0)) {
				t.Fatalf("%+v, %v", got, err)
			}
			if c.client.asks != 1 {
				t.Errorf("the key was asked for %d times", c.client.asks)
			}
		})
	}
}

// The use of an assertion is the hash of its jti and of nothing else: with another life or another spelling it is the same use.
func TestAnAssertionIsKnownByItsJTI(t *testing.T) {
	c := edClient()
	one, err := c.read(t, c.sign(t, edHeader, asserted("jti", `"a/b"`)))
	if err != nil {
		t.Fatal(err)
	}
	same, err := c.read(t, c.sign(t, `{"alg":"EdDSA"}`, asserted("jti", `"\u0061\/b"`, "exp", fmt.Sprint(start+90))))
	if err != nil || same.Use != one.Use || same.ExpiresAt.Equal(one.ExpiresAt) {
		t.Errorf("%+v, %v", same, err)
	}
	other, err := c.read(t, c.sign(t, edHeader, asserted("jti", `"a/B"`)))
	if err != nil || other.Use == one.Use {
		t.Errorf("%+v, %v", other, err)
	}
	if one.Use != secret.HashOf("a/b") || !one.ExpiresAt.Equal(time.Unix(start+60, 0)) {
		t.Errorf("%+v", one)
	}
}

// refusals of assertions, each for its own reason. The key is asked for only by those that it alone can still refuse.
func TestEveryOtherAssertionIsRefused(t *testing.T) {
	second := func(n int) string { return fmt.Sprint(start + n) }
	const aud = `"` + issuer + `"`
	for name, c := range map[string]struct {
		header, payload string
		step            refusal
	}{
		// R29: the header.
		"alg none":               {`{"alg":"none"}`, asserted(), errHeader},
		"alg missing":            {`{"typ":"JWT"}`, asserted(), errHeader},
		"alg HS256":              {`{"alg":"HS256"}`, asserted(), errHeader},
		"alg RS256":              {`{"alg":"RS256"}`, asserted(), errHeader},
		"alg ES384":              {`{"alg":"ES384"}`, asserted(), errHeader},
		"alg eddsa":              {`{"alg":"eddsa"}`, asserted(), errHeader},
		"alg number":             {`{"alg":1}`, asserted(), errHeader},
		"alg twice":              {`{"alg":"EdDSA","alg":"EdDSA"}`, asserted(), errHeader},
		"alg twice, escaped":     {`{"alg":"EdDSA","\u0061lg":"none"}`, asserted(), errHeader},
		"Alg":                    {`{"Alg":"EdDSA"}`, asserted(), errHeader},
		"alg of the other type":  {`{"alg":"ES256"}`, asserted(), errSignature},
		"typ of an access token": {`{"alg":"EdDSA","typ":"at+jwt"}`, asserted(), errHeader},
		"typ of introspection":   {`{"alg":"EdDSA","typ":"token-introspection+jwt"}`, asserted(), errHeader},
		"typ jwt":                {`{"alg":"EdDSA","typ":"jwt"}`, asserted(), errHeader},
		"typ null":               {`{"alg":"EdDSA","typ":null}`, asserted(), errHeader},
		"kid empty":              {`{"alg":"EdDSA","kid":""}`, asserted(), errHeader},
		"kid with a NUL":         {`{"alg":"EdDSA","kid":"a\u0000"}`, asserted(), errHeader},
		"kid too long":           {`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 256) + `"}`, asserted(), errHeader},
		"crit":                   {`{"alg":"EdDSA","crit":["exp"]}`, asserted(), errHeader},
		"b64":                    {`{"alg":"EdDSA","b64":false}`, asserted(), errHeader},
		"jwk":                    {`{"alg":"EdDSA","jwk":{"kty":"OKP"}}`, asserted(), errHeader},
		"jku":                    {`{"alg":"EdDSA","jku":"https://elsewhere.test"}`, asserted(), errHeader},
		"x5u":                    {`{"alg":"EdDSA","x5u":"https://elsewhere.test"}`, asserted(), errHeader},
		"x5c":                    {`{"alg":"EdDSA","x5c":["AAAA"]}`, asserted(), errHeader},
		"header no object":       {`["EdDSA"]`, asserted(), errHeader},
		"header with a tail":     {edHeader + `{}`, asserted(), errHeader},
		// RFC 7523 section 3: the claims.
		"no iss":                  {edHeader, asserted("iss", ""), errClaims},
		"no sub":                  {edHeader, asserted("sub", ""), errClaims},
		"no aud":                  {edHeader, asserted("aud", ""), errClaims},
		"no exp":                  {edHeader, asserted("exp", ""), errClaims},
		"no jti":                  {edHeader, asserted("jti", ""), errClaims},
		"iss is another":          {edHeader, asserted("iss", `"`+machineB+`"`), errClaims},
		"iss is the issuer":       {edHeader, asserted("iss", aud), errClaims},
		"sub is another":          {edHeader, asserted("sub", `"`+machineB+`"`), errClaims},
		"no machine":              {edHeader, asserted("iss", `"x"`, "sub", `"x"`), errClaims},
		"iss twice":               {edHeader, asserted("i\\u0073s", `"`+machineA+`"`), errClaims},
		"iss folded":              {edHeader, asserted("iſs", `"`+machineA+`"`), errClaims},
		"Sub":                     {edHeader, asserted("Sub", `"`+machineA+`"`), errClaims},
		"a demand":                {edHeader, asserted("cnf", `{"jkt":"x"}`), errClaims},
		"a claim of nobody":       {edHeader, asserted("x", `1`), errClaims},
		"aud number":              {edHeader, asserted("aud", "1"), errClaims},
		"aud empty":               {edHeader, asserted("aud", `""`), errClaims},
		"aud empty list":          {edHeader, asserted("aud", `[]`), errClaims},
		"aud of another":          {edHeader, asserted("aud", `"https://elsewhere.test"`), errIssuer},
		"aud with a slash":        {edHeader, asserted("aud", `"`+issuer+`/"`), errIssuer},
		"aud is the endpoint":     {edHeader, asserted("aud", `"`+issuer+`/oauth2/token"`), errIssuer},
		"aud is several":          {edHeader, asserted("aud", `[`+aud+`,"https://elsewhere.test"]`), errClaims},
		"aud is the same twice":   {edHeader, asserted("aud", `[`+aud+`,`+aud+`]`), errClaims},
		"exp now":                 {edHeader, asserted("exp", second(0), "iat", second(-60)), errTime},
		"exp past":                {edHeader, asserted("exp", second(-1), "iat", second(-60)), errTime},
		"exp too far":             {edHeader, asserted("exp", second(331)), errTime},
		"exp years ahead":         {edHeader, asserted("exp", "253402300799"), errTime},
		"exp text":                {edHeader, asserted("exp", `"`+second(60)+`"`), errClaims},
		"exp with a fraction":     {edHeader, asserted("exp", second(60)+".0"), errClaims},
		"exp with an exponent":    {edHeader, asserted("exp", "2e9"), errClaims},
		"exp null":                {edHeader, asserted("exp", "null"), errClaims},
		"exp below zero":          {edHeader, asserted("exp", "-1"), errClaims},
		"exp beyond years":        {edHeader, asserted("exp", "253402300800"), errClaims},
		"exp in milliseconds":     {edHeader, asserted("exp", second(60)+"000"), errClaims},
		"iat in the future":       {edHeader, asserted("iat", second(31)), errTime},
		"iat after exp":           {edHeader, asserted("iat", second(20), "exp", second(10)), errTime},
		"iat null":                {edHeader, asserted("iat", "null"), errClaims},
		"nbf in the future":       {edHeader, asserted("nbf", second(31)), errTime},
		"nbf text":                {edHeader, asserted("nbf", `"1"`), errClaims},
		"jti empty":               {edHeader, asserted("jti", `""`), errClaims},
		"jti number":              {edHeader, asserted("jti", `1`), errClaims},
		"jti too long":            {edHeader, asserted("jti", `"`+strings.Repeat("j", 256)+`"`), errClaims},
		"jti with a NUL":          {edHeader, asserted("jti", `"a\u0000"`), errClaims},
		"jti with a line":         {edHeader, asserted("jti", `"a\n"`), errClaims},
		"payload no object":       {edHeader, `[]`, errClaims},
		"payload with a tail":     {edHeader, asserted() + `x`, errClaims},
		"payload deep":            {edHeader, asserted("aud", `[[`+aud+`]]`), errClaims},
		"longer than 4 KiB":       {edHeader, asserted("jti", `"`+strings.Repeat("j", 4<<10)+`"`), errLength},
		"an access token of ours": {goodHeader, goodPayload(), errHeader},
	} {
		t.Run(name, func(t *testing.T) {
			ed := edClient()
			got, err := ed.read(t, ed.sign(t, c.header, c.payload))
			wantRefusal(t, got, err, c.step)
			if asked := c.step == errSignature; (ed.asks > 0) != asked {
				t.Errorf("the key was asked for %d times", ed.asks)
			}
		})
	}
}

func wantRefusal(t *testing.T, got m2m.Assertion, err error, step refusal) {
	t.Helper()
	if !errors.Is(err, m2m.ErrRefused) || !errors.Is(err, step) {
		t.Errorf("%v; want a refusal for %s", err, step)
	}
	if got != (m2m.Assertion{}) {
		t.Errorf("a refused assertion still says %+v", got)
	}
}

// RFC 8725 section 3.1: the key decides the algorithm, and only the key of the machine that is named.
func TestAnAssertionIsTheKeysOfItsMachine(t *testing.T) {
	ed, ec := edClient(), ecClient(t)
	stranger := ecClient(t)
	stranger.jwk = ec.jwk
	both := edClient()
	both.jwk = ec.jwk
	pinned := edClient()
	pinned.jwk = strings.Replace(pinned.jwk, "{", `{"kid":"mine",`, 1)
	for name, c := range map[string]struct {
		client *client
		header string
		step   refusal
	}{
		"another's ES256 key":             {stranger, `{"alg":"ES256"}`, errSignature},
		"Ed25519 under a registered P256": {both, `{"alg":"EdDSA"}`, errSignature},
		"the same, called ES256":          {both, `{"alg":"ES256"}`, errSignature},
		"ES256 under the name of EdDSA":   {ec, `{"alg":"EdDSA"}`, errSignature},
		"a kid of another key":            {pinned, `{"alg":"EdDSA","kid":"other"}`, errKey},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.client.read(t, c.client.sign(t, c.header, asserted()))
			wantRefusal(t, got, err, c.step)
		})
	}
	t.Run("a MAC keyed with the public key", func(t *testing.T) {
		good := ed.sign(t, edHeader, asserted()).Reveal()
		signed := good[:strings.LastIndexByte(good, '.')]
		mac := hmac.New(sha256.New, []byte(ed.jwk))
		mac.Write([]byte(signed))
		forged := append(mac.Sum(nil), make([]byte, 32)...)
		got, err := ed.read(t, secret.Text(signed+"."+base64.RawURLEncoding.EncodeToString(forged)))
		wantRefusal(t, got, err, errSignature)
	})
	t.Run("a key that is none any more", func(t *testing.T) {
		for _, jwk := range []string{"", "null", "{}", `{"kty":"OKP","crv":"Ed25519","x":"` + strings.Repeat("A", 43) + `"}`} {
			broken := edClient()
			broken.jwk = jwk
			got, err := broken.read(t, broken.sign(t, edHeader, asserted()))
			wantRefusal(t, got, err, errKey)
		}
	})
	t.Run("zeros for a signature", func(t *testing.T) {
		for _, c := range []*client{ed, ec} {
			good := c.sign(t, `{"alg":"ES256"}`, asserted()).Reveal()
			zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
			got, err := c.read(t, secret.Text(good[:strings.LastIndexByte(good, '.')+1]+zeros))
			wantRefusal(t, got, err, errSignature)
		}
	})
}

// R3: no other spelling, and no changed character.
func TestEveryChangeOfAnAssertionIsRefused(t *testing.T) {
	for name, c := range map[string]*client{"EdDSA": edClient(), "ES256": ecClient(t)} {
		good := c.sign(t, `{"alg":"`+name+`"}`, asserted()).Reveal()
		for i := range good {
			for _, other := range []byte{good[i] ^ 1, 'A', '.', '=', '\n'} {
				if other == good[i] {
					continue
				}
				if _, err := c.read(t, secret.Text(good[:i]+string(other)+good[i+1:])); !errors.Is(err, m2m.ErrRefused) {
					t.Fatalf("%s: %q at %d: %v", name, other, i, err)
				}
			}
		}
		for _, around := range []string{"", good + "A", good + "=", " " + good, good + "\n", good[:len(good)-1], good + "." + good} {
			if _, err := c.read(t, secret.Text(around)); !errors.Is(err, m2m.ErrRefused) {
				t.Errorf("%s: accepted with something around it: %v", name, err)
			}
		}
		if _, err := c.read(t, secret.Text(good)); err != nil {
			t.Fatal(err)
		}
	}
}

// I6: "cannot tell now" stays that, and an unknown machine is a refusal.
func TestWhatIsSaidAboutTheKeyIsPassedOn(t *testing.T) {
	c := edClient()
	c.fail = m2m.ErrUnavailable
	if _, err := c.read(t, c.sign(t, edHeader, asserted())); !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, m2m.ErrRefused) {
		t.Error(err)
	}
	unknown := asserted("iss", `"`+machineB+`"`, "sub", `"`+machineB+`"`)
	if _, err := edClient().read(t, c.sign(t, edHeader, unknown)); !errors.Is(err, m2m.ErrRefused) {
		t.Error(err)
	}
}

// I3: without an issuer there is no audience that could be right.
func TestAnIssuerThatIsNoneReadsNothing(t *testing.T) {
	c := edClient()
	for _, none := range []string{"", " ", `a"b`} {
		assertion := c.sign(t, edHeader, asserted("aud", fmt.Sprintf("%q", none)))
		_, err := NewAssertions(none, at(start)).Read(t.Context(), assertion, func(context.Context, m2m.MachineID) ([]byte, error) { return []byte(c.jwk), nil })
		if !errors.Is(err, m2m.ErrRefused) {
			t.Errorf("%q: %v", none, err)
		}
	}
}
