package jwt

import (
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// maxDepth is how deep a payload may be nested: custom claims stand flat in it, so it is their own limit (R24).
const maxDepth = 8

// lastSecond is the last one that RFC 3339 can write. Times behind it are no times of ours, and overflow in some libraries.
const lastSecond = 253402300799 // 9999-12-31T23:59:59Z

// claims is the payload of a token, all of it well-formed and consistent; whether it is true and timely is not decided here.
type claims struct {
	issuer    string
	grant     m2m.Grant
	notBefore time.Time
}

// registered tells whether every token of ours must say this claim.
func registered(name string) bool {
	switch name {
	case "iss", "sub", "client_id", "aud", "scope", "exp", "iat", "nbf", "jti":
		return true
	default:
		return false
	}
}

// readClaims reads a payload by exact names. A name that stands twice, a name that another verifier could fold into a registered one,
// and a reserved name that tokens of ours never set are refused (R31): a demand such as cnf must not be passed over.
func readClaims(text []byte) (claims, error) {
	o, err := strictjson.Parse(text, maxDepth)
	if err != nil {
		return claims{}, errClaims
	}
	var c claims
	ok := c.readIDs(o) && c.readAudience(o) && c.readTimes(o)
	if !ok {
		return claims{}, errClaims
	}
	c.grant.Claims, ok = custom(o, len(text))
	if !ok {
		return claims{}, errClaims
	}
	return c, nil
}

func (c *claims) readIDs(o strictjson.Object) bool {
	issuer, okIssuer := quoted(o, "iss")
	subject, okSubject := quoted(o, "sub")
	client, okClient := quoted(o, "client_id")
	id, okID := quoted(o, "jti")
	if !okIssuer || !okSubject || !okClient || !okID || string(client) != string(subject) {
		return false
	}
	c.issuer = string(issuer)
	c.grant.Machine, okSubject = m2m.ParseMachineID(string(subject))
	c.grant.ID, okID = m2m.ParseTokenID(string(id))
	return okSubject && okID
}

// readAudience takes the scopes from scope and asks that aud says the same ids in the same order. aud is always an array.
func (c *claims) readAudience(o strictjson.Object) bool {
	scope, ok := quoted(o, "scope")
	if !ok {
		return false
	}
	if c.grant.Scopes, ok = m2m.ParseScopes(string(scope)); !ok {
		return false
	}
	aud, _ := o.Get("aud")
	elements, ok := aud.Array()
	if !ok || len(elements) != len(c.grant.Scopes) {
		return false
	}
	for i, e := range elements {
		if len(e) < 2 || e[0] != '"' || string(e[1:len(e)-1]) != string(c.grant.Scopes[i]) {
			return false
		}
	}
	return true
}

func (c *claims) readTimes(o strictjson.Object) bool {
	var okExpires, okIssued, okNotBefore bool
	c.grant.ExpiresAt, okExpires = second(o, "exp")
	c.grant.IssuedAt, okIssued = second(o, "iat")
	c.notBefore, okNotBefore = second(o, "nbf")
	return okExpires && okIssued && okNotBefore && c.grant.IssuedAt.Before(c.grant.ExpiresAt)
}

// second reads a NumericDate that is a positive integer, without fraction or exponent (R23).
func second(o strictjson.Object, name string) (time.Time, bool) {
	v, _ := o.Get(name)
	n, ok := v.Int()
	if !ok || n <= 0 || n > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// custom gathers the members that are not registered into an object of their own, in their order and their very bytes: we sign them
// in canonical form. It fails on a reserved name.
func custom(o strictjson.Object, size int) (m2m.Claims, bool) {
	var out []byte
	for _, member := range o {
		if registered(member.Name) {
			continue
		}
		if m2m.ReservedClaim(member.Name) {
			return nil, false
		}
		if out == nil {
			out = append(make([]byte, 0, size), '{')
		} else {
			out = append(out, ',')
		}
		out = strictjson.AppendString(out, member.Name)
		out = append(append(out, ':'), member.Value...)
	}
	if out == nil {
		return nil, true
	}
	return append(out, '}'), true
}
