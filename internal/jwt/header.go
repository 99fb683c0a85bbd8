package jwt

import (
	"bytes"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// Algorithm is the one by which the issuer signs (RFC 8037 section 3.1).
const Algorithm = "EdDSA"

// The header of every token: these three members and no other (R22).
const (
	mediaType     = "at+jwt" // RFC 9068 section 2.1; the long form application/at+jwt is not ours, and refused
	headerMembers = 3
	maxKeyID      = 64
)

// readHeader gives the kid of a header that says exactly alg, kid and typ, once each. Whatever else a header can say is refused by
// not being on this list: crit, b64, jku, x5u, jwk and x5c among them (R29, R34).
func readHeader(text []byte) (m2m.KeyID, error) {
	if kid, ok := ourHeader(text); ok {
		return kid, nil
	}
	o, err := strictjson.Parse(text, 1)
	if err != nil || len(o) != headerMembers {
		return "", errHeader
	}
	if alg, ok := quoted(o, "alg"); !ok || string(alg) != Algorithm {
		return "", errHeader
	}
	if typ, ok := quoted(o, "typ"); !ok || string(typ) != mediaType {
		return "", errHeader
	}
	raw, ok := quoted(o, "kid")
	if !ok || len(raw) == 0 || len(raw) > maxKeyID {
		return "", errHeader
	}
	kid := string(raw)
	if !allPlain(kid) {
		return "", errHeader
	}
	return m2m.KeyID(kid), nil
}

// What stands before and behind the kid of a header that we wrote.
const (
	headerBegin = `{"alg":"` + Algorithm + `","kid":"`
	headerType  = `","typ":"`
	headerClose = `"}`
	headerEnd   = headerType + mediaType + headerClose
)

// ourHeader gives the kid of a header that is written as writeHeader writes it, as all good ones are that did not pass through somebody
// else's hands: the answer is that of readHeader, at a tenth of its price. False: it has to be read.
func ourHeader(text []byte) (m2m.KeyID, bool) {
	kid, ok := bytes.CutPrefix(text, []byte(headerBegin))
	if !ok {
		return "", false
	}
	kid, ok = bytes.CutSuffix(kid, []byte(headerEnd))
	if !ok || len(kid) == 0 || len(kid) > maxKeyID || !allPlain(string(kid)) {
		return "", false
	}
	return m2m.KeyID(kid), true
}

// writeHeader appends the header of a token.
func writeHeader(to []byte, kid m2m.KeyID) []byte { return typedHeader(to, mediaType, kid) }

// typedHeader appends a header of ours of any typ.
func typedHeader(to []byte, typ string, kid m2m.KeyID) []byte {
	to = append(append(to, headerBegin...), kid...)
	return append(append(append(to, headerType...), typ...), headerClose...)
}

// quoted gives what stands between the quotes of a string member. A value with an escape in it is none: nothing that we sign needs
// one, and two spellings of one value are one too many.
func quoted(o strictjson.Object, name string) ([]byte, bool) {
	v, ok := o.Get(name)
	if !ok || len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	text := v[1 : len(v)-1]
	return text, bytes.IndexByte(text, '\\') < 0
}
