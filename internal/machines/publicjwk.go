package machines

import (
	"errors"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/publickey"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// checkPublicJWK accepts what publickey.Parse does and gives its canonical text.
func checkPublicJWK(raw []byte) ([]byte, error) {
	const field = "public_jwk"
	switch _, err := publickey.Parse(raw); {
	case errors.Is(err, publickey.ErrTooLong):
		return nil, fault(field, m2m.TooLong, err.Error())
	case errors.Is(err, publickey.ErrSyntax):
		return nil, fault(field, m2m.WrongFormat, err.Error())
	case err != nil:
		return nil, fault(field, m2m.WrongValue, err.Error())
	}
	return strictjson.Value(raw).Canonical()
}
