package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
)

// parts is a token taken apart. Nothing in it is believed yet.
type parts struct {
	signed    string // header and payload as they were sent, with the dot between
	header    []byte
	payload   []byte
	signature []byte
}

// strictly decodes the one spelling that bytes have.
var strictly = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant of a library's type

// split is the gate: what passes it is short, plain and in the one encoding that its bytes have (R3, R29). Signatures of Ed25519 and of
// ES256 are of one length.
func split(token string, limit int) (parts, error) {
	if token == "" || len(token) > limit {
		return parts{}, errLength
	}
	first, last, err := dots(token)
	if err != nil {
		return parts{}, err
	}
	if len(token)-last-1 != base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize) || first == 0 || last == first+1 {
		return parts{}, errSegments
	}
	// One piece of memory for all three segments.
	room := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(token)))
	p := parts{signed: token[:last]}
	for _, segment := range []struct {
		text string
		into *[]byte
	}{{token[:first], &p.header}, {token[first+1 : last], &p.payload}, {token[last+1:], &p.signature}} {
		begin := len(room)
		room, err = strictly.AppendDecode(room, []byte(segment.text))
		if err != nil {
			return parts{}, errEncoding
		}
		*segment.into = room[begin:len(room):len(room)]
	}
	return p, nil
}

// dots finds the two dots and refuses every character outside base64url: golang's decoder skips line ends, and others skip more.
func dots(token string) (first, last int, err error) {
	if !madeOf(plainLow|1<<'.', token) {
		return 0, 0, errCharacters
	}
	first, last = strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	if first == last || strings.IndexByte(token[first+1:last], '.') >= 0 {
		return 0, 0, errSegments
	}
	return first, last, nil
}

// The alphabet of base64url (RFC 4648 section 5) as two sets of bits, for the characters below and from 64 on.
const (
	plainLow  uint64 = 1<<'-' | (1<<10-1)<<'0'
	plainHigh uint64 = 1<<('_'-64) | (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64)
)

// allPlain tells whether s is made of such characters alone.
func allPlain(s string) bool { return madeOf(plainLow, s) }

// madeOf looks at every character without a branch: a token is random text, and a guess at each would cost more than the look.
func madeOf(low uint64, s string) bool {
	set := [4]uint64{low, plainHigh, 0, 0}
	good := uint64(1)
	for i := range len(s) {
		good &= set[s[i]>>6] >> (s[i] & 63)
	}
	return good == 1
}
