package jwt

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// R22, R29: exactly alg, kid and typ, each once and each ours; everything else a header can say is refused.
func TestVerifyRefusesEveryOtherHeader(t *testing.T) {
	kid := `"kid":"` + testKid + `"`
	cases := map[string]string{
		"alg none":              `{"alg":"none",` + kid + `,"typ":"at+jwt"}`,
		"alg None":              `{"alg":"None",` + kid + `,"typ":"at+jwt"}`,
		"alg NONE":              `{"alg":"NONE",` + kid + `,"typ":"at+jwt"}`,
		"alg nOnE":              `{"alg":"nOnE",` + kid + `,"typ":"at+jwt"}`,
		"alg empty":             `{"alg":"",` + kid + `,"typ":"at+jwt"}`,
		"alg null":              `{"alg":null,` + kid + `,"typ":"at+jwt"}`,
		"alg number":            `{"alg":0,` + kid + `,"typ":"at+jwt"}`,
		"alg array":             `{"alg":["EdDSA"],` + kid + `,"typ":"at+jwt"}`,
		"alg HS256":             `{"alg":"HS256",` + kid + `,"typ":"at+jwt"}`,
		"alg ES256":             `{"alg":"ES256",` + kid + `,"typ":"at+jwt"}`,
		"alg RS256":             `{"alg":"RS256",` + kid + `,"typ":"at+jwt"}`,
		"alg Ed25519":           `{"alg":"Ed25519",` + kid + `,"typ":"at+jwt"}`,
		"alg eddsa":             `{"alg":"eddsa",` + kid + `,"typ":"at+jwt"}`,
		"alg EdDSA and a space": `{"alg":"EdDSA ",` + kid + `,"typ":"at+jwt"}`,
		"alg with an escape":    `{"alg":"\u0045dDSA",` + kid + `,"typ":"at+jwt"}`,
		"alg missing":           `{` + kid + `,"typ":"at+jwt"}`,
		"alg folded":            `{"Alg":"EdDSA",` + kid + `,"typ":"at+jwt"}`,
		"alg twice":             `{"alg":"EdDSA","alg":"EdDSA",` + kid + `,"typ":"at+jwt"}`,
		"alg twice, escaped":    `{"alg":"none","\u0061lg":"EdDSA",` + kid + `,"typ":"at+jwt"}`,
		"alg twice, folded":     `{"alg":"EdDSA","ALG":"none",` + kid + `,"typ":"at+jwt"}`,
		"kid missing":           `{"alg":"EdDSA","typ":"at+jwt"}`,
		"kid empty":             `{"alg":"EdDSA","kid":"","typ":"at+jwt"}`,
		"kid number":            `{"alg":"EdDSA","kid":1,"typ":"at+jwt"}`,
		"kid null":              `{"alg":"EdDSA","kid":null,"typ":"at+jwt"}`,
		"kid of 65 characters":  `{"alg":"EdDSA","kid":"` + strings.Repeat("k", 65) + `","typ":"at+jwt"}`,
		"kid that is a path":    `{"alg":"EdDSA","kid":"../../dev/null","typ":"at+jwt"}`,
		"kid that is SQL":       `{"alg":"EdDSA","kid":"x' OR '1'='1","typ":"at+jwt"}`,
		"kid with a NUL":        `{"alg":"EdDSA","kid":"` + testKid + `\u0000","typ":"at+jwt"}`,
		"kid with a newline":    `{"alg":"EdDSA","kid":"` + testKid + `\n","typ":"at+jwt"}`,
		"kid look-alike":        `{"alg":"EdDSA","kid":"кPrK","typ":"at+jwt"}`,
		"typ missing":           `{"alg":"EdDSA",` + kid + `}`,
		"typ JWT":               `{"alg":"EdDSA",` + kid + `,"typ":"JWT"}`,
		"typ AT+JWT":            `{"alg":"EdDSA",` + kid + `,"typ":"AT+JWT"}`,
		"typ application/...":   `{"alg":"EdDSA",` + kid + `,"typ":"application/at+jwt"}`,
		"typ id_token":          `{"alg":"EdDSA",` + kid + `,"typ":"id_token+jwt"}`,
		"typ null":              `{"alg":"EdDSA",` + kid + `,"typ":null}`,
		"crit":                  `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","crit":["exp"]}`,
		"crit empty":            `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","crit":[]}`,
		"b64":                   `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","b64":false}`,
		"cty":                   `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","cty":"JWT"}`,
		"x5c":                   `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","x5c":["AAAA"]}`,
		"jwk":                   `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`,
		"anything else":         `{"alg":"EdDSA",` + kid + `,"typ":"at+jwt","a":1}`,
		"not an object":         `["EdDSA"]`,
		"null":                  `null`,
		"not JSON":              `{alg:EdDSA}`,
		"two objects":           goodHeader + `{}`,
		"trailing byte":         goodHeader + `x`,
		"byte order mark":       "\ufeff" + goodHeader,
		"not UTF-8":             "{\"alg\":\"EdDSA\xff\"," + kid + `,"typ":"at+jwt"}`,
		"deep":                  `{"alg":` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `,` + kid + `,"typ":"at+jwt"}`,
	}
	for name, header := range cases {
		t.Run(name, func(t *testing.T) { mustRefuse(t, newRing().sign(header, goodPayload()), errHeader) })
	}
	// 10 KB do not even come to be a header.
	mustRefuse(t, newRing().sign(`{"alg":"EdDSA","kid":"`+strings.Repeat("k", 10<<10)+`","typ":"at+jwt"}`, goodPayload()), errLength)
}

// R29: what a header says is what counts, not how it is laid out.
func TestVerifyReadsAnyLayoutOfTheHeader(t *testing.T) {
	for _, header := range []string{
		goodHeader,
		`{"typ":"at+jwt","alg":"EdDSA","kid":"` + testKid + `"}`,
		" {\n\"typ\" : \"at+jwt\",\t\"alg\":\"EdDSA\", \"kid\":\"" + testKid + "\" } ",
	} {
		if _, err := verifierAt(t, start, 0).Verify(newRing().sign(header, goodPayload()), machineB); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// R29: algorithm confusion: a MAC keyed with the public key, in every encoding that a library may hold it in, signs nothing.
func TestVerifyRefusesMACsKeyedWithThePublicKey(t *testing.T) {
	public := newRing().public[testKid]
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	x := base64.RawURLEncoding.EncodeToString(public)
	keys := map[string][]byte{
		"raw": public, "DER": der, "PEM": block, "PEM without its last newline": block[:len(block)-1],
		"base64url": []byte(x), "base64": []byte(base64.StdEncoding.EncodeToString(public)), "hex": []byte(hex.EncodeToString(public)),
		"JWK": []byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`), "empty": nil,
	}
	macs := []struct {
		alg  string
		hash func() hash.Hash
		step refusal
	}{
		{"HS256", sha256.New, errSegments}, // no signature of ours is 32 bytes long
		{"HS512", sha512.New, errHeader},
		{"EdDSA", sha512.New, errSignature},
	}
	for name, key := range keys {
		for _, m := range macs {
			t.Run(m.alg+" "+name, func(t *testing.T) {
				header := `{"alg":"` + m.alg + `","kid":"` + testKid + `","typ":"at+jwt"}`
				b64 := base64.RawURLEncoding
				signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(goodPayload()))
				mac := hmac.New(m.hash, key)
				mac.Write([]byte(signed))
				mustRefuse(t, secret.Text(signed+"."+b64.EncodeToString(mac.Sum(nil))), m.step)
			})
		}
	}
}

// R34: a header that points at a key makes nobody fetch it.
func TestVerifyNeverFollowsAHeader(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jku", "x5u", "jwk", "x5c", "iss"} {
		header := fmt.Sprintf(`{"alg":"EdDSA","kid":"%s","typ":"at+jwt","%s":"http://%s/keys"}`, testKid, name, l.Addr())
		mustRefuse(t, newRing().sign(header, goodPayload()), errHeader)
	}
	// Whatever had connected by now would be waiting in the listener's queue.
	if err := l.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("somebody connected")
	}
	_ = l.Close()
}

// R29, R33: a kid that is not in the set is refused, and told apart for whoever can fetch the set again.
func TestVerifyTellsAnUnknownKidApart(t *testing.T) {
	for _, kid := range []string{"k", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4K", strings.Repeat("k", 64)} {
		token := newRing().sign(`{"alg":"EdDSA","kid":"`+kid+`","typ":"at+jwt"}`, goodPayload())
		_, err := verifierAt(t, start, 0).Verify(token, machineB)
		var unknown *UnknownKeyError
		if !errors.As(err, &unknown) || unknown.KeyID != m2m.KeyID(kid) || !errors.Is(err, m2m.ErrRefused) {
			t.Errorf("kid %s: %v", kid, err)
		}
	}
	// A good kid with another key's signature is no such case: no fetch could help.
	other := newRing()
	other.private = otherKey()
	mustRefuse(t, other.sign(goodHeader, goodPayload()), errSignature)
}

// R29: the key is found by kid alone: a token of one key under the kid of another fails, both keys being good.
func TestVerifyUsesTheKeyOfTheKidAndNoOther(t *testing.T) {
	r := newRing()
	second := otherKey()
	r.public["second"] = second.Public().(ed25519.PublicKey)
	v, err := NewVerifier(VerifierConfig{Issuer: issuer, Keys: r, Now: at(start)})
	if err != nil {
		t.Fatal(err)
	}
	header := `{"alg":"EdDSA","kid":"second","typ":"at+jwt"}`
	if _, err := v.Verify(r.sign(header, goodPayload()), machineB); !errors.Is(err, errSignature) {
		t.Errorf("first key's signature under the second kid: %v", err)
	}
	r.private = second
	if _, err := v.Verify(r.sign(header, goodPayload()), machineB); err != nil {
		t.Errorf("second key's own token: %v", err)
	}
}
