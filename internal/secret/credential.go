package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"strings"
	"sync"
)

// Prefix tells the kinds of credential apart at sight, for people, scanners and SDKs.
type Prefix string

// The prefixes of the wire contract.
const (
	OpaqueToken   Prefix = "mt_"
	MachineSecret Prefix = "ak_"
	InstanceKey   Prefix = "sk_"
)

// The prefixes of the dashboard: what its cookie holds, and the link of the first start.
const (
	SessionID Prefix = "ds_"
	FirstLink Prefix = "fl_"
)

const (
	alphabet       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomLength   = 32 // 32 x log2(62) = 190.5 bits (R1)
	checksumLength = 6  // 62^6 > 2^32
	// MaxLength bounds what is looked at at all: no credential of ours is longer, JWTs apart.
	MaxLength = 512
)

// New makes a credential: the prefix, 32 random base62 characters and the checksum of everything before it (R1).
func New(p Prefix) Text {
	out := make([]byte, 0, len(p)+randomLength+checksumLength)
	out = append(out, p...)
	var pool [2 * randomLength]byte
	for len(out) < len(p)+randomLength {
		rand.Read(pool[:]) // never fails: crypto/rand ends the process instead
		for _, b := range pool {
			// 248 = 4 x 62: bytes above it are thrown away, so that no character is likelier than another.
			if b < 248 && len(out) < len(p)+randomLength {
				out = append(out, alphabet[b%62])
			}
		}
	}
	sum := checksum(string(out))
	return Text(append(out, sum[:]...))
}

// WellFormed tells whether s is a credential that New could have made with this prefix: length, characters, checksum. It
// costs no allocation and no look-up (R4).
func WellFormed(p Prefix, s string) bool {
	if len(s) != len(p)+randomLength+checksumLength || !strings.HasPrefix(s, string(p)) {
		return false
	}
	good := byte(1)
	for i := len(p); i < len(s); i++ { // without branches: what comes next is anybody's guess
		good &= base62[s[i]]
	}
	if good == 0 {
		return false
	}
	body, sum := s[:len(s)-checksumLength], s[len(s)-checksumLength:]
	want := checksum(body)
	return sum == string(want[:])
}

// checksum is the CRC-32 (IEEE) of body in base62, most significant digit first, padded with zeros to six characters.
func checksum(body string) (out [checksumLength]byte) {
	n := ^uint32(0)
	for i := range len(body) { // crc32.ChecksumIEEE of a string, without a copy on the heap
		n = crc32.IEEETable[byte(n&0xff)^body[i]] ^ n>>8
	}
	n = ^n
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = alphabet[n%62]
		n /= 62
	}
	return out
}

// base62 is 1 for the characters of the alphabet.
var base62 = func() (out [256]byte) { //nolint:gochecknoglobals // a constant
	for i := range len(alphabet) {
		out[alphabet[i]] = 1
	}
	return out
}()

// Hash is the SHA-256 under which a credential is stored and found. Credentials carry 190 random bits, so a plain hash is
// enough and a slow one would only be slow. No credential has the zero Hash: a look-up under it finds nothing, at the price of
// any other look-up (R4).
type Hash [sha256.Size]byte

// HashOf hashes a credential.
func HashOf(t Text) (out Hash) {
	h, _ := hashers.Get().(*hasher)
	h.Reset()
	_, _ = h.Write(append(h.room[:0], t...)) // never fails (hash.Hash); what we make has 41 characters, a longer one goes over the heap
	copy(out[:], h.Sum(h.room[:0]))
	_, _ = h.Write(nothing[:]) // over what it still holds of the credential
	h.room = nothing
	hashers.Put(h)
	return out
}

// hasher is a hash that is used again. sha256.Sum256 goes over the heap three times where a profile tells the compiler to inline it in part.
type hasher struct {
	hash.Hash
	room [sha256.BlockSize]byte
}

// nothing is a block of SHA-256.
var nothing [sha256.BlockSize]byte //nolint:gochecknoglobals // a constant

var hashers = sync.Pool{New: func() any { return &hasher{Hash: sha256.New()} }} //nolint:gochecknoglobals // memory, not state

// Presentable tells whether s can be a credential at all: not empty, not over-long, visible ASCII (R11).
func Presentable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
