package tokens

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// Bounds of custom claims (R24), the same for both formats.
const (
	maxClaimsBytes   = 4 << 10
	maxClaimsDepth   = 8
	maxClaimsMembers = 64
)

// checkClaims gives the canonical form of the claims field, or nil for null.
func checkClaims(raw []byte) (m2m.Claims, error) {
	const field = "claims"
	if raw == nil || strictjson.Value(raw).IsNull() {
		return nil, nil
	}
	if !strictjson.Value(raw).IsObject() {
		return nil, fault(field, m2m.WrongType, "must be an object or null")
	}
	o, err := strictjson.Parse(raw, maxClaimsDepth)
	if errors.Is(err, strictjson.ErrTooDeep) {
		return nil, fault(field, m2m.WrongValue, fmt.Sprintf("must be nested at most %d deep", maxClaimsDepth))
	}
	if err != nil {
		return nil, fault(field, m2m.WrongFormat, "must be strict JSON: nothing missing or left over, no name twice, no lone surrogate")
	}
	if len(o) > maxClaimsMembers {
		return nil, fault(field, m2m.WrongValue, fmt.Sprintf("must have at most %d members", maxClaimsMembers))
	}
	for _, m := range o {
		if m2m.ReservedClaim(m.Name) {
			return nil, fault(field, m2m.ReservedName, fmt.Sprintf("must not set the reserved claim %.40q", m.Name))
		}
	}
	canonical, err := strictjson.Value(raw).Canonical()
	switch {
	case errors.Is(err, strictjson.ErrInexact):
		return nil, fault(field, m2m.WrongValue, "must not hold a number that a double cannot hold exactly (RFC 8785): send it as a string")
	case err != nil:
		return nil, fault(field, m2m.WrongFormat, "must be strict JSON")
	case len(canonical) > maxClaimsBytes:
		return nil, fault(field, m2m.TooLong, fmt.Sprintf("must have at most %d bytes", maxClaimsBytes))
	case hasNUL(canonical):
		return nil, fault(field, m2m.WrongFormat, "must not hold a NUL character")
	}
	return m2m.Claims(canonical), nil
}

// hasNUL looks for an escaped NUL in canonical JSON, which writes it as \u0000 and nothing else so.
func hasNUL(canonical []byte) bool {
	for i := 0; i+1 < len(canonical); i++ {
		if canonical[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(canonical[i:], []byte(`\u0000`)) {
			return true
		}
		i++ // what is escaped cannot begin another escape
	}
	return false
}
