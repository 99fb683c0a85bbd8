package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/verify"
	"github.com/dualmint/dualmint/verify/verifytest"
)

// R29: there is one algorithm, and no word for none.
func TestAttackNoAlgorithm(t *testing.T) {
	f := newForge(t)
	bad := map[string]string{"missing": f.head(`{"kid":"` + f.kid + `","typ":"at+jwt"}`)}
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `"none "`, `" none"`, `"no\u006ee"`, `""`, `null`, `0`, `false`, `[]`, `{}`, `["none"]`} {
		bad["signed "+alg] = f.alg(alg)
		unsigned := f.alg(alg)
		bad["unsigned "+alg] = unsigned[:strings.LastIndexByte(unsigned, '.')+1]
	}
	f.refused(t, bad)
}

// R29: the public key is no secret, in whatever encoding a library would take it for one.
func TestAttackHS256KeyedWithThePublicKey(t *testing.T) {
	f := newForge(t)
	der, err := x509.MarshalPKIXPublicKey(f.public)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	x := base64.RawURLEncoding.EncodeToString(f.public)
	bad := map[string]string{}
	for name, key := range map[string][]byte{
		"raw": f.public, "DER": der, "PEM": block, "PEM without its last newline": block[:len(block)-1], "base64url": []byte(x),
		"base64": []byte(base64.StdEncoding.EncodeToString(f.public)), "DER in base64": []byte(base64.StdEncoding.EncodeToString(der)),
		"hex": []byte(hex.EncodeToString(f.public)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(f.public))),
		"JWK":                []byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`),
		"JWK as it is shown": []byte(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"` + f.kid + `","x":"` + x + `"}`),
		"the kid":            []byte(f.kid), "nothing": nil,
	} {
		for _, alg := range []string{"HS256", "EdDSA"} {
			signed := b64(`{"alg":"`+alg+`","kid":"`+f.kid+`","typ":"at+jwt"}`) + "." + b64(f.payload)
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(signed))
			bad[alg+" "+name] = signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	f.refused(t, bad)
}

// R29: other algorithms, each rightly signed with a key of its own, and other names of ours.
func TestAttackOtherAlgorithms(t *testing.T) {
	f := newForge(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"Ed25519": f.alg(`"Ed25519"`), "eddsa": f.alg(`"eddsa"`), "EDDSA": f.alg(`"EDDSA"`), "EdDSA and a space": f.alg(`"EdDSA "`), "escaped": f.alg(`"\u0045dDSA"`),
		"array":                f.alg(`["EdDSA"]`),
		"twice":                f.head(`{"alg":"EdDSA","alg":"EdDSA","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"none, then EdDSA":     f.head(`{"alg":"none","alg":"EdDSA","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"EdDSA, then none":     f.head(`{"alg":"EdDSA","alg":"none","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"twice, once escaped":  f.head(`{"\u0061lg":"none","alg":"EdDSA","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"twice, once in case":  f.head(`{"alg":"EdDSA","ALG":"none","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"under another case":   f.head(`{"Alg":"EdDSA","kid":"` + f.kid + `","typ":"at+jwt"}`),
		"for the other format": f.head(`{"alg":"EdDSA","enc":"A256GCM","kid":"` + f.kid + `","typ":"at+jwt"}`),
	}
	for alg, sign := range map[string]func(signed string) ([]byte, error){
		"ES256": func(s string) ([]byte, error) { return gojwt.SigningMethodES256.Sign(s, ec) },
		"RS256": func(s string) ([]byte, error) { return gojwt.SigningMethodRS256.Sign(s, rsaKey) },
		"PS256": func(s string) ([]byte, error) { return gojwt.SigningMethodPS256.Sign(s, rsaKey) },
	} {
		for _, name := range []string{alg, "EdDSA"} {
			signed := b64(`{"alg":"`+name+`","kid":"`+f.kid+`","typ":"at+jwt"}`) + "." + b64(f.payload)
			signature, err := sign(signed)
			if err != nil {
				t.Fatal(err)
			}
			bad[alg+" called "+name] = signed + "." + base64.RawURLEncoding.EncodeToString(signature)
		}
	}
	f.refused(t, bad)
}

// R29, R33: the kid finds a key in the pinned set and does nothing else.
func TestAttackKid(t *testing.T) {
	f := newForge(t)
	removed := f.issuer.JWT(verifytest.Token{})
	removedKid := f.kid
	f.issuer.Rotate()
	after := newForgeOf(t, f.issuer)
	after.refused(t, map[string]string{
		"missing":  after.head(`{"alg":"EdDSA","typ":"at+jwt"}`),
		"empty":    after.underKid(`""`),
		"number":   after.underKid(`1`),
		"null":     after.underKid(`null`),
		"array":    after.underKid(`["` + after.kid + `"]`),
		"10 KB":    after.underKid(`"` + strings.Repeat("k", 10<<10) + `"`),
		"2 KB":     after.underKid(`"` + strings.Repeat("k", 2<<10) + `"`),
		"path":     after.underKid(`"../../../../../../dev/null"`),
		"file URL": after.underKid(`"file:///proc/sys/kernel/randomize_va_space"`),
		"SQL":      after.underKid(`"x' UNION SELECT 'a"`), "quote": after.underKid(`"' OR '1'='1"`),
		"command": after.underKid(`"|id"`), "NUL": after.underKid(`"` + after.kid + `\u0000"`), "newline": after.underKid(`"` + after.kid + `\n"`),
		"space":          after.underKid(`"` + after.kid + ` "`),
		"unknown":        after.underKid(`"` + strings.Repeat("k", 43) + `"`),
		"twice":          after.head(`{"alg":"EdDSA","kid":"` + after.kid + `","kid":"` + after.kid + `","typ":"at+jwt"}`),
		"of a removed":   after.underKid(`"` + removedKid + `"`),
		"by a removed":   removed,
		"removed as new": newKidOldSignature(t, removed, after.header),
	})
}

// newForgeOf is newForge for an issuer that there is already.
func newForgeOf(t *testing.T, issuer *verifytest.Issuer) *forge {
	t.Helper()
	f := &forge{issuer: issuer, good: issuer.JWT(verifytest.Token{})}
	segments := strings.Split(f.good, ".")
	f.header, f.payload = unBase64(t, segments[0]), unBase64(t, segments[1])
	f.kid = f.header[strings.Index(f.header, `"kid":"`)+7:]
	f.kid = f.kid[:strings.IndexByte(f.kid, '"')]
	return f
}

// newKidOldSignature puts another header on a token.
func newKidOldSignature(t *testing.T, token, header string) string {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	return b64(header) + "." + rest
}

// R29, R34: what else a header can say is refused, and what points at a key makes nobody look there.
func TestAttackHeaderMembers(t *testing.T) {
	f := newForge(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	there := "http://" + l.Addr().String() + "/keys"
	x := base64.RawURLEncoding.EncodeToString(f.public)
	f.refused(t, map[string]string{
		"crit": f.more(`"crit":["exp"]`), "crit empty": f.more(`"crit":[]`), "crit b64": f.more(`"crit":["b64"],"b64":false`), "b64": f.more(`"b64":false`), "b64 true": f.more(`"b64":true`),
		"jku": f.more(`"jku":"` + there + `"`), "x5u": f.more(`"x5u":"` + there + `"`), "jku in case": f.more(`"JKU":"` + there + `"`),
		"jwk": f.more(`"jwk":{"kty":"OKP","crv":"Ed25519","x":"` + x + `"}`), "jwk URL": f.more(`"jwk":"` + there + `"`),
		"x5c": f.more(`"x5c":["` + x + `"]`), "x5c URL": f.more(`"x5c":["` + there + `"]`), "x5t": f.more(`"x5t":"` + x + `"`),
		"kid URL": f.underKid(`"` + there + `"`), "iss": f.more(`"iss":"` + there + `"`), "iss claim": f.change(t, f.issuer.URL, there),
		"jwk of the forger": f.issuer.Forged(verifytest.Token{}), "cty": f.more(`"cty":"JWT"`), "zip": f.more(`"zip":"DEF"`),
	})
	// Whoever had connected by now would be waiting in the listener's queue.
	if err := l.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("somebody connected")
	}
	_ = l.Close()
	if keySet, tokens := f.issuer.Asked(); keySet > 4 || tokens > 0 { // one each of two verifiers, one more each for an unknown kid, one of the forge
		t.Errorf("the issuer was asked %d and %d times", keySet, tokens)
	}
}

// R22, RFC 8725 section 3.11: a token of another type is none of ours.
func TestAttackTyp(t *testing.T) {
	f := newForge(t)
	bad := map[string]string{"missing": f.head(`{"alg":"EdDSA","kid":"` + f.kid + `"}`)}
	for _, typ := range []string{`"JWT"`, `"jwt"`, `"AT+JWT"`, `"at+JWT"`, `"application/at+jwt"`, `"at+jwt "`, `"id_token+jwt"`, `"dpop+jwt"`, `"secevent+jwt"`, `""`, `null`, `1`, `["at+jwt"]`} {
		bad[typ] = f.head(`{"alg":"EdDSA","kid":"` + f.kid + `","typ":` + typ + `}`)
	}
	f.refused(t, bad)
}

// R3, R29: one string is the token; nothing that merely decodes to it is.
func TestAttackSpelling(t *testing.T) {
	f := newForge(t)
	s := strings.Split(f.good, ".")
	join := func(segments ...string) string { return strings.Join(segments, ".") }
	in := func(segment, what string) string { return segment[:4] + what + segment[4:] }
	f.refused(t, map[string]string{
		"1 segment": s[1], "2 segments": join(s[0], s[1]), "4 segments": join(s[0], s[1], s[2], s[2]), "5 segments": join(s[0], s[1], s[1], s[1], s[2]),
		"an empty 4th": f.good + ".", "dots": "..", "dots of five": "....", "no header": join("", s[1], s[2]), "no payload": join(s[0], "", s[2]), "no signature": join(s[0], s[1], ""),
		"CR LF in the header": join(in(s[0], "\r\n"), s[1], s[2]), "LF in the payload": join(s[0], in(s[1], "\n"), s[2]), "CR in the signature": join(s[0], s[1], in(s[2], "\r")),
		"LF behind": f.good + "\n", "CR LF before": "\r\n" + f.good, "space before": " " + f.good, "space behind": f.good + " ", "space inside": join(s[0], in(s[1], " "), s[2]),
		"tab": f.good + "\t", "NUL": f.good + "\x00", "no-break space": f.good + "\u00a0", "zero width space": f.good + "\u200b",
		"padding": f.good + "==", "padding of all": join(s[0]+"=", s[1]+"==", s[2]+"=="), "standard alphabet": join(b64("\xfb\xff")+s[0], s[1], s[2]),
		"plus": join(s[0], s[1], "+"+s[2][1:]), "slash": join(s[0], s[1], "/"+s[2][1:]), "percent": strings.Replace(f.good, ".", "%2E", 1),
		"quotes": `"` + f.good + `"`, "Bearer": "Bearer " + f.good, "comma": f.good + "," + f.good, "twice": f.good + f.good,
		"another case": strings.ToUpper(f.good), "a longer signature": f.good + "A", "a shorter one": f.good[:len(f.good)-1],
	})
}

// R29: the last character of a signature carries four bits that no byte takes, and they must be zero.
func TestAttackTrailingBits(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	f := newForge(t)
	body, last := f.good[:len(f.good)-1], f.good[len(f.good)-1]
	bad := map[string]string{}
	for i := 1; i < 16; i++ {
		other := string(alphabet[strings.IndexByte(alphabet, last)|i])
		bad[other] = body + other
	}
	f.refused(t, bad)
}

// R29: a signature has one form: S is below the order of the group (RFC 8032 section 5.1.7).
func TestAttackSPlusL(t *testing.T) {
	f := newForge(t)
	cut := strings.LastIndexByte(f.good, '.') + 1
	signature := []byte(unBase64(t, f.good[cut:]))
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	bad := map[string]string{}
	for name, times := range map[string]int64{"S + L": 1, "S + 2L": 2, "S + 8L": 8} {
		sum := new(big.Int).Add(new(big.Int).SetBytes(s), new(big.Int).Mul(l, big.NewInt(times))).FillBytes(make([]byte, 32))
		slices.Reverse(sum)
		bad[name] = f.good[:cut] + base64.RawURLEncoding.EncodeToString(slices.Concat(signature[:32], sum))
	}
	bad["zeros"] = f.good[:cut] + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	bad["of another message"] = f.good[:cut] + strings.Split(f.issuer.Sign(f.header, f.payload+" "), ".")[2]
	f.refused(t, bad)
}

// R31: a claim has one name, stands once, and stands at the top.
func TestAttackClaimNames(t *testing.T) {
	f := newForge(t)
	bad := map[string]string{
		"long s": f.claim(`"ſub":"` + verifytest.Stranger + `"`), "Kelvin sign": f.claim(`"\u212aid":"x"`), "escaped": f.claim(`"s\u0075b":"` + verifytest.Stranger + `"`),
		"nested instead": f.change(t, `"sub":"`+verifytest.Caller+`"`, `"x":{"sub":"`+verifytest.Caller+`"}`),
		"nested value":   f.change(t, `"sub":"`+verifytest.Caller+`"`, `"sub":{"sub":"`+verifytest.Caller+`"}`),
		"nested aud":     f.change(t, `"aud":[`, `"aud":[[`), "nested twice": f.claim(`"y":{"a":1,"a":2}`), "custom twice": f.claim(`"role":"admin"`),
		"a reserved one": f.claim(`"cnf":{"jkt":"x"}`), "actor": f.claim(`"act":{"sub":"` + verifytest.Stranger + `"}`),
	}
	for name, value := range map[string]string{
		"iss": `"` + f.issuer.URL + `"`, "sub": `"` + verifytest.Stranger + `"`, "client_id": `"` + verifytest.Stranger + `"`, "aud": `["` + verifytest.Receiver + `"]`,
		"scope": `"` + verifytest.Receiver + `"`, "exp": `9900000000`, "iat": `1`, "nbf": `1`, "jti": `"mt_0123456789abcdef0123456789abcdef"`,
	} {
		bad[name+" twice"] = f.claim(`"` + name + `":` + value)
		bad[name+" in capitals"] = f.claim(`"` + strings.ToUpper(name) + `":` + value)
		bad[name+" with a capital"] = f.claim(`"` + strings.ToUpper(name[:1]) + name[1:] + `":` + value)
		bad[name+" under another case"] = f.change(t, `"`+name+`":`, `"`+strings.ToUpper(name)+`":`)
		bad[name+" missing"] = f.change(t, `"`+name+`":`, `"x`+name+`":`)
	}
	f.refused(t, bad)
}

// R23, R25: a token ends, at a second that is written as one.
func TestAttackExp(t *testing.T) {
	f := newForge(t)
	bad := map[string]string{"missing": f.exp(t, "")}
	for _, value := range []string{
		`"9900000000"`, `9900000000.5`, `9900000000.0`, `99e8`, `-1`, `-9900000000`, `0`, `-0`, `1e400`, `-1e400`, `1e308`, `9223372036854775807`, `9223372036854775808`,
		`253402300800`, `null`, `true`, `[9900000000]`, `{"exp":9900000000}`, `1`, `NaN`, `Infinity`, `0x7fffffff`, `09900000000`, `+9900000000`,
	} {
		bad[value] = f.exp(t, value)
	}
	f.refused(t, bad)
}

// R30: a token for another receiver, and of another issuer although its key is the same.
func TestAttackOtherReceiverAndOtherIssuer(t *testing.T) {
	f := newForge(t)
	aud, scope := `"aud":["`+verifytest.Receiver+`"]`, `"scope":"`+verifytest.Receiver+`"`
	receiver := func(aud2, scope2 string) string {
		return f.issuer.Sign(f.header, replace(t, replace(t, f.payload, aud, `"aud":`+aud2), scope, `"scope":`+scope2))
	}
	bad := map[string]string{
		"for another": f.issuer.JWT(verifytest.ForStranger()), "for nobody": f.issuer.JWT(verifytest.Token{Scopes: []string{}}),
		"aud a string": receiver(`"`+verifytest.Receiver+`"`, `"`+verifytest.Receiver+`"`), "aud a prefix": receiver(`["`+verifytest.Receiver[:30]+`"]`, `"`+verifytest.Receiver[:30]+`"`),
		"aud a star": receiver(`["*"]`, `"*"`), "aud for another, scope for me": receiver(`["`+verifytest.Stranger+`"]`, `"`+verifytest.Receiver+`"`),
		"aud for me, scope for another": receiver(`["`+verifytest.Receiver+`"]`, `"`+verifytest.Stranger+`"`), "aud in capitals": receiver(`["`+strings.ToUpper(verifytest.Receiver)+`"]`, `"`+strings.ToUpper(verifytest.Receiver)+`"`),
		"aud null": receiver(`null`, `""`), "my own": f.issuer.JWT(verifytest.Token{Machine: verifytest.Receiver, Scopes: []string{verifytest.Stranger}}),
	}
	iss := f.issuer.URL
	for _, other := range []string{iss + "/", iss + ".evil.example", iss + "0", iss[:len(iss)-1], strings.Replace(iss, "http:", "https:", 1), strings.ToUpper(iss), "", " " + iss, "https://another.example"} {
		bad["iss "+other] = f.change(t, `"iss":"`+iss+`"`, `"iss":"`+other+`"`)
	}
	f.refused(t, bad)
}

// R28, R36: a token of a megabyte is refused for its length, and costs next to no memory, whatever kind is taken.
func TestAttackHugeTokens(t *testing.T) {
	f := newForge(t)
	megabyte := strings.Repeat("A", 1<<20)
	s := strings.Split(f.good, ".")
	huge := map[string]string{
		"payload": s[0] + "." + megabyte + "." + s[2], "header": megabyte + "." + s[1] + "." + s[2], "signature": s[0] + "." + s[1] + "." + megabyte,
		"signed": f.claim(`"x":"` + megabyte + `"`), "opaque": "mt_" + megabyte, "dots": strings.Repeat(".", 1<<20), "neither": megabyte, "behind": f.good + megabyte,
		"nested": f.claim(`"x":` + strings.Repeat("[", 1<<19) + strings.Repeat("]", 1<<19)),
	}
	f.refused(t, huge)
	for accept := verify.Both; accept <= verify.BothAskIssuer; accept++ {
		config := f.issuer.Config()
		config.Accept = accept
		v := open(t, config)
		_, _ = v.Verify(t.Context(), f.good) // the key set is fetched
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			for name, token := range huge {
				if _, err := v.Verify(t.Context(), token); err == nil {
					t.Fatal(name)
				}
			}
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("Accept %d: 180 verifications allocated %d bytes", accept, grown)
		}
	}
}
