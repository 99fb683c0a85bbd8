package jwt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// introspectionType is the typ of a signed introspection (RFC 9701 section 5). Nothing that takes access tokens takes it (RFC 8725
// section 3.11), and there is neither sub nor exp in it that a careless one could go by (RFC 9701 section 8.1).
const introspectionType = "token-introspection+jwt"

// IntrospectionSigner gives what signs an answer about a token for the one who asks (RFC 9701 section 5): iss, aud, iat, and the answer of
// RFC 7662 as token_introspection, which is one JSON object. m2m.ErrUnavailable: no key may sign now. It comes before the answer is looked
// for, so that nobody is billed for one that nothing can sign.
//
// at is a moment before the answer was looked for, so that iat never makes it look newer than it is. Unlike a token, what is signed here is
// not recorded, so no commit holds it back if its key stopped being the active one meanwhile (R40). A replica that was paused between
// the key and the signature can release this and no more: what was true at iat, dated iat, for one receiver, signed by a key that
// consumers drop from their key set as they drop it for tokens (R39: long after it retired; R41: at once when it is compromised). It
// grants nothing by itself: whoever asks again asks a replica that is not paused.
func (m *Mode) IntrospectionSigner(ctx context.Context, audience string, at time.Time) (sign func(introspection []byte) (string, error), err error) {
	if !plainIssuer(m.issuer) || !plainIssuer(audience) {
		return nil, errors.New("sign introspection: no issuer, or nobody to sign it for")
	}
	kid, private, err := m.signer.Signer(ctx)
	if err != nil {
		return nil, fmt.Errorf("find signing key: %w", err)
	}
	return func(introspection []byte) (string, error) {
		payload := member(append(make([]byte, 0, 256+len(introspection)), '{'), "iss", m.issuer)
		payload = member(append(payload, ','), "aud", audience)
		payload = strconv.AppendInt(append(payload, `,"iat":`...), at.Unix(), 10)
		payload = append(append(payload, `,"token_introspection":`...), introspection...)
		return signCompact(typedHeader(nil, introspectionType, kid), append(payload, '}'), private)
	}, nil
}
