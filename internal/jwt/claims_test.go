package jwt

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// R23, R30, R31: every claim of ours is there once, under its exact name, in its exact type.
func TestVerifyRefusesEveryOtherPayload(t *testing.T) {
	cases := map[string]string{
		"exp missing":                  instead("exp", ""),
		"exp string":                   instead("exp", `"1900003600"`),
		"exp float":                    instead("exp", `1900003600.5`),
		"exp whole float":              instead("exp", `1900003600.0`),
		"exp exponent":                 instead("exp", `19e8`),
		"exp negative":                 instead("exp", `-1`),
		"exp zero":                     instead("exp", `0`),
		"exp minus zero":               instead("exp", `-0`),
		"exp 1e400":                    instead("exp", `1e400`),
		"exp past int64":               instead("exp", `9223372036854775808`),
		"exp at the end of int64":      instead("exp", `9223372036854775807`),
		"exp past the year 9999":       instead("exp", `253402300800`),
		"exp null":                     instead("exp", `null`),
		"exp true":                     instead("exp", `true`),
		"exp array":                    instead("exp", `[1900003600]`),
		"exp before iat":               instead("exp", `1899999999`),
		"exp twice":                    beside(`"exp":1900003600`),
		"exp folded beside exp":        beside(`"EXP":9900003600`),
		"exp folded instead":           strings.Replace(goodPayload(), `"exp"`, `"Exp"`, 1),
		"exp nested instead":           instead("exp", `{"exp":1900003600}`),
		"iat missing":                  instead("iat", ""),
		"iat string":                   instead("iat", `"1900000000"`),
		"iat float":                    instead("iat", `1900000000.5`),
		"iat zero":                     instead("iat", `0`),
		"iat negative":                 instead("iat", `-1900000000`),
		"nbf zero":                     instead("nbf", `0`),
		"nbf negative":                 instead("nbf", `-1`),
		"nbf missing":                  instead("nbf", ""),
		"nbf null":                     instead("nbf", `null`),
		"iss missing":                  instead("iss", ""),
		"iss array":                    instead("iss", `["`+issuer+`"]`),
		"iss with an escape":           instead("iss", `"https:\/\/issuer.example"`),
		"sub missing":                  instead("sub", ""),
		"sub empty":                    instead("sub", `""`),
		"sub not a machine":            instead("sub", `"admin"`),
		"sub an instance":              instead("sub", `"ins_000000000000000000000000A00"`),
		"sub number":                   instead("sub", `1`),
		"sub twice":                    beside(`"sub":"` + machineC + `"`),
		"sub twice, escaped":           beside(`"s\u0075b":"` + machineC + `"`),
		"sub folded":                   beside(`"ſub":"` + machineC + `"`),
		"sub in capitals":              beside(`"SUB":"` + machineC + `"`),
		"sub other than client_id":     instead("sub", `"`+machineC+`"`),
		"client_id missing":            instead("client_id", ""),
		"client_id other than sub":     instead("client_id", `"`+machineC+`"`),
		"aud missing":                  instead("aud", ""),
		"aud string":                   instead("aud", `"`+machineB+`"`),
		"aud null":                     instead("aud", `null`),
		"aud of numbers":               instead("aud", `[1,2]`),
		"aud nested":                   instead("aud", `[["`+machineB+`"],["`+machineC+`"]]`),
		"aud with one id more":         instead("aud", `["`+machineB+`","`+machineC+`","`+machineA+`"]`),
		"aud with one id less":         instead("aud", `["`+machineB+`"]`),
		"aud in another order":         instead("aud", `["`+machineC+`","`+machineB+`"]`),
		"aud folded":                   beside(`"AUD":["` + machineA + `"]`),
		"scope missing":                instead("scope", ""),
		"scope other than aud":         instead("scope", `"`+machineB+`"`),
		"scope with two spaces":        instead("scope", `"`+machineB+`  `+machineC+`"`),
		"scope array":                  instead("scope", `["`+machineB+`","`+machineC+`"]`),
		"jti missing":                  instead("jti", ""),
		"jti not a token id":           instead("jti", `"1"`),
		"jti in capitals":              instead("jti", `"mt_0123456789ABCDEF0123456789ABCDEF"`),
		"a reserved name we never set": beside(`"cnf":{"jkt":"x"}`),
		"scopes":                       beside(`"scopes":["` + machineA + `"]`),
		"a duplicate custom claim":     beside(`"role":"admin"`),
		"a duplicate nested claim":     beside(`"x":{"a":1,"a":2}`),
		"a lone surrogate":             beside(`"x":"\ud800"`),
		"not UTF-8":                    beside("\"x\":\"\xff\""),
		"too deep":                     beside(`"x":` + strings.Repeat("[", 8) + strings.Repeat("]", 8)),
		"not an object":                `["` + issuer + `"]`,
		"null":                         `null`,
		"empty object":                 `{}`,
		"not JSON":                     `{iss:1}`,
		"two objects":                  goodPayload() + goodPayload(),
		"trailing byte":                goodPayload() + "x",
		"trailing NUL":                 goodPayload() + "\x00",
	}
	for name, payload := range cases {
		t.Run(name, func(t *testing.T) {
			if payload == goodPayload() {
				t.Fatal("this case changes nothing")
			}
			mustRefuse(t, newRing().sign(goodHeader, payload), errClaims)
		})
	}
	for name := range strings.FieldsSeq("iss sub aud exp nbf iat jti scope scopes client_id azp act cnf status kid typ alg") {
		mustRefuse(t, newRing().sign(goodHeader, beside(`"`+strings.ToUpper(name)+`":1`)), errClaims) // R31
	}
}

// R30: iss is compared whole and exactly.
func TestVerifyRefusesAForeignIssuerWithTheSameKey(t *testing.T) {
	for _, iss := range []string{"https://issuer.example/", "https://issuer.examplE", "https://issuer.example.evil", "https://issuer.exampl", "http://issuer.example", "", " " + issuer} {
		mustRefuse(t, newRing().sign(goodHeader, instead("iss", strconv.Quote(iss))), errIssuer)
	}
}

// R26, R30: the receiver must be in the audience; the empty one never is, and a token without scopes is for nobody.
func TestVerifyRefusesEveryReceiverOutsideTheAudience(t *testing.T) {
	v := verifierAt(t, start, 0)
	nobody := goodGrant()
	nobody.Scopes = nil
	for _, c := range []struct {
		grant    m2m.Grant
		receiver m2m.MachineID
		good     bool
	}{
		{goodGrant(), machineB, true},
		{goodGrant(), machineC, true},
		{goodGrant(), machineA, false}, // the holder itself is not a receiver
		{goodGrant(), "", false},
		{goodGrant(), m2m.MachineID(machineB[:30]), false},
		{goodGrant(), machineB + " " + machineC, false},
		{nobody, machineB, false},
		{nobody, "", false},
	} {
		_, err := v.Verify(mint(t, c.grant), c.receiver)
		if (err == nil) != c.good || !c.good && !errors.Is(err, errReceiver) {
			t.Errorf("receiver %q of %v: %v; want good = %v", c.receiver, c.grant.Scopes, err, c.good)
		}
	}
	if payload := string(writeClaims(nil, issuer, nobody)); !strings.Contains(payload, `"aud":[],"scope":""`) {
		t.Errorf("a token without scopes says %s", payload)
	}
}

// R30: a token is dead at its expiry second, begins at nbf and iat, and the leeway moves these bounds by exactly itself.
func TestVerifyKeepsTimeToTheSecond(t *testing.T) {
	token := newRing().sign(goodHeader, strings.Replace(instead("nbf", strconv.Itoa(start+10)), `"exp":`+strconv.Itoa(start+life), `"exp":`+strconv.Itoa(start+20), 1))
	later := newRing().sign(goodHeader, strings.Replace(instead("iat", strconv.Itoa(start+10)), `"exp":`+strconv.Itoa(start+life), `"exp":`+strconv.Itoa(start+20), 1))
	for _, c := range []struct {
		at     int64
		leeway time.Duration
		good   bool
	}{
		{start + 9, 0, false},
		{start + 10, 0, true},
		{start + 19, 0, true},
		{start + 20, 0, false},
		{start + 9, time.Second, true},
		{start + 8, time.Second, false},
		{start + 20, time.Second, true},
		{start + 21, time.Second, false},
		{start + 79, MaxLeeway, true},
		{start + 80, MaxLeeway, false},
		{start - 50, MaxLeeway, true},
		{start - 51, MaxLeeway, false},
	} {
		for name, text := range map[string]secret.Text{"nbf": token, "iat": later} {
			_, err := verifierAt(t, c.at, c.leeway).Verify(text, machineB)
			if (err == nil) != c.good || !c.good && !errors.Is(err, errTime) {
				t.Errorf("%s at %+d with leeway %s: %v; want good = %v", name, c.at-start, c.leeway, err, c.good)
			}
		}
	}
}

// R30: a verifier that would leave a check out, or forgive more than a minute, is not made.
func TestNewVerifierRefusesToLeaveAnythingOut(t *testing.T) {
	good := VerifierConfig{Issuer: issuer, Keys: newRing(), Now: at(start), Leeway: MaxLeeway}
	if _, err := NewVerifier(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*VerifierConfig){
		"no issuer":        func(c *VerifierConfig) { c.Issuer = "" },
		"a quoted issuer":  func(c *VerifierConfig) { c.Issuer = `https://"` },
		"no keys":          func(c *VerifierConfig) { c.Keys = nil },
		"no clock":         func(c *VerifierConfig) { c.Now = nil },
		"negative leeway":  func(c *VerifierConfig) { c.Leeway = -1 },
		"too great leeway": func(c *VerifierConfig) { c.Leeway = MaxLeeway + 1 },
	} {
		c := good
		change(&c)
		if v, err := NewVerifier(c); err == nil || v != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Nested names are custom claims and never mistaken for registered ones.
func TestVerifyGivesCustomClaimsAsSigned(t *testing.T) {
	for _, claims := range []string{
		`{"sub_":{"sub":"mch_x","exp":1},"x":[{"iss":"y"}]}`,
		`{"":0,"€":"\n","a\"b":[1,2.5,-0.001,1e+21],"z":null}`,
	} {
		g := goodGrant()
		g.Claims = m2m.Claims(claims)
		got, err := verifierAt(t, start, 0).Verify(mint(t, g), machineB)
		if err != nil {
			t.Fatalf("%s: %v", claims, err)
		}
		if diff := cmp.Diff(g, got.Grant); diff != "" {
			t.Errorf("the grant changed on its way (-minted +verified):\n%s", diff)
		}
		if got.KeyID != testKid {
			t.Errorf("key %s", got.KeyID)
		}
	}
}
