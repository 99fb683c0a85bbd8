package jwt

import (
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/strictjson"
)

type assertionHeader struct{ alg, kid string }

// readAssertionHeader takes alg, and typ and kid where there are any, and nothing else: no member of a header makes anybody look for a key
// (R29, R34). The one typ beside JWT is the one that tells an assertion from every other JWT
// (draft-ietf-oauth-rfc7523bis); the one of an access token is not among them.
func readAssertionHeader(text []byte) (assertionHeader, error) {
	o, err := strictjson.Parse(text, 1)
	if err != nil {
		return assertionHeader{}, errHeader
	}
	var h assertionHeader
	for _, m := range o {
		value, ok := m.Value.String()
		switch {
		case !ok:
			return assertionHeader{}, errHeader
		case m.Name == "alg" && slices.Contains(AssertionAlgorithms(), value):
			h.alg = value
		case m.Name == "kid" && secret.Presentable(value, publicKeyID):
			h.kid = value
		case m.Name == "typ" && (value == "JWT" || value == "client-authentication+jwt"):
		default:
			return assertionHeader{}, errHeader
		}
	}
	if h.alg == "" {
		return assertionHeader{}, errHeader
	}
	return h, nil
}

// publicKeyID bounds a kid that a client chose.
const publicKeyID = 255

// assertionClaims is the payload of an assertion, well-formed and consistent.
type assertionClaims struct {
	machine           m2m.MachineID
	audience          string
	id                string
	expires           time.Time
	issued, notBefore time.Time // zero: not said
}

// readAssertionClaims reads the claims of RFC 7523 section 3 by their exact names, all but iat and nbf required, and refuses any other: a
// demand that nobody here knows must not be passed over. iss and sub are the client, both (section 3, and RFC 7521 section 5.2).
func readAssertionClaims(text []byte) (assertionClaims, error) {
	o, err := strictjson.Parse(text, 2)
	if err != nil {
		return assertionClaims{}, errClaims
	}
	var c assertionClaims
	said := map[string]string{}
	for _, m := range o {
		var ok bool
		switch m.Name {
		case "iss", "sub", "jti":
			said[m.Name], ok = m.Value.String()
		case "aud":
			c.audience, ok = soleAudience(m.Value)
		case "exp":
			c.expires, ok = second(o, m.Name)
		case "iat":
			c.issued, ok = second(o, m.Name)
		case "nbf":
			c.notBefore, ok = second(o, m.Name)
		default:
			return assertionClaims{}, errClaims
		}
		if !ok {
			return assertionClaims{}, errClaims
		}
	}
	var isMachine bool
	c.machine, isMachine = m2m.ParseMachineID(said["sub"])
	c.id = said["jti"]
	if !isMachine || said["iss"] != said["sub"] || c.audience == "" || c.expires.IsZero() || !secret.Presentable(c.id, maxAssertionID) {
		return assertionClaims{}, errClaims
	}
	return c, nil
}

// soleAudience reads an aud that names one party, as a string or as a list of one. An assertion for several could be passed on by any of
// them to the others.
func soleAudience(v strictjson.Value) (string, bool) {
	if list, ok := v.Array(); ok {
		if len(list) != 1 {
			return "", false
		}
		v = list[0]
	}
	return v.String()
}

// timely tells whether the assertion lives at now, and not for too long. One that has not been issued yet may be so by AssertionSkew.
func (c assertionClaims) timely(now time.Time) bool {
	latest := now.Add(AssertionSkew)
	return now.Before(c.expires) && !c.expires.After(latest.Add(MaxAssertionLife)) &&
		!latest.Before(c.issued) && !latest.Before(c.notBefore) && c.issued.Before(c.expires)
}
