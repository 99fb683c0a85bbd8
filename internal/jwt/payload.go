package jwt

import (
	"strconv"

	"github.com/dualmint/dualmint/internal/m2m"
)

// writeClaims appends the payload of a token: the registered claims, then the custom ones flat beside them.
func writeClaims(to []byte, issuer string, g m2m.Grant) []byte {
	to = member(append(to, '{'), "iss", issuer)
	to = member(append(to, ','), "sub", string(g.Machine))
	to = member(append(to, ','), "client_id", string(g.Machine))
	to = append(to, `,"aud":[`...)
	for i, id := range g.Scopes {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(append(to, '"'), id...), '"')
	}
	to = member(append(to, `],`...), "scope", g.Scopes.String())
	to = strconv.AppendInt(append(to, `,"exp":`...), g.ExpiresAt.Unix(), 10)
	to = strconv.AppendInt(append(to, `,"iat":`...), g.IssuedAt.Unix(), 10)
	to = strconv.AppendInt(append(to, `,"nbf":`...), g.IssuedAt.Unix(), 10)
	to = member(append(to, ','), "jti", string(g.ID))
	if len(g.Claims) > len(`{}`) {
		to = append(append(to, ','), g.Claims[1:len(g.Claims)-1]...)
	}
	return append(to, '}')
}

// member appends a name and a string that need no escape.
func member(to []byte, name, value string) []byte {
	to = append(append(append(to, '"'), name...), `":"`...)
	return append(append(to, value...), '"')
}
