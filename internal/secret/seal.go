package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Place is where a sealed value lives. It is bound into the ciphertext, so that two swapped values do not open (R8).
type Place struct {
	Table string
	ID    string
}

// Sealed is a value at rest, and the version of the master key that opens it.
type Sealed struct {
	Version string // hex fingerprint of the master key
	Bytes   []byte // nonce, ciphertext, tag
}

// ErrNotOpened means that the value was altered, moved, or sealed under a key that is not in the list.
var ErrNotOpened = errors.New("sealed value does not open with any configured master key")

// Sealer seals under the first of its master keys and opens under all of them (R9). Safe for concurrent use.
type Sealer struct {
	first string
	keys  map[string]cipher.AEAD
}

const masterKeyLength = 32

// NewSealer takes the list of the setting: base64 keys of 32 bytes, separated by commas or white space, the first seals.
func NewSealer(list Text) (*Sealer, error) {
	fields := strings.FieldsFunc(list.Reveal(), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if len(fields) == 0 {
		return nil, errors.New("no master key")
	}
	s := &Sealer{keys: make(map[string]cipher.AEAD, len(fields))}
	for i, f := range fields {
		raw, err := base64.StdEncoding.Strict().DecodeString(f)
		if err != nil || len(raw) != masterKeyLength {
			return nil, fmt.Errorf("master key %d is not base64 of exactly %d bytes", i+1, masterKeyLength)
		}
		version, aead, err := derive(raw)
		if err != nil {
			return nil, err
		}
		if _, twice := s.keys[version]; twice {
			return nil, fmt.Errorf("master key %d stands in the list twice", i+1)
		}
		s.keys[version] = aead
		if i == 0 {
			s.first = version
		}
	}
	return s, nil
}

// derive makes the sealing key and the version from a master key, by HKDF-SHA256 (RFC 5869) under two labels.
func derive(raw []byte) (string, cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, raw, nil, "dualmint sealing key", 32)
	if err != nil {
		return "", nil, fmt.Errorf("derive sealing key: %w", err)
	}
	version, err := hkdf.Key(sha256.New, raw, nil, "dualmint master key version", 8)
	if err != nil {
		return "", nil, fmt.Errorf("derive key version: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return "", nil, fmt.Errorf("make cipher mode: %w", err)
	}
	return hex.EncodeToString(version), aead, nil
}

// Version is the version under which new values are sealed.
func (s *Sealer) Version() string { return s.first }

// Seal encrypts under the first master key.
func (s *Sealer) Seal(p Place, plain []byte) Sealed {
	// The mode draws a random nonce by itself and wants none from us.
	sealed := s.keys[s.first].Seal(nil, nil, plain, associated(p, s.first)) //nolint:gosec // G407: the nil is not a nonce
	return Sealed{Version: s.first, Bytes: sealed}
}

// Open decrypts what Seal made for the same place. ErrNotOpened is all it ever says of a value that does not open.
func (s *Sealer) Open(p Place, v Sealed) ([]byte, error) {
	aead, ok := s.keys[v.Version]
	if !ok {
		return nil, ErrNotOpened
	}
	plain, err := aead.Open(nil, nil, v.Bytes, associated(p, v.Version))
	if err != nil {
		return nil, ErrNotOpened
	}
	return plain, nil
}

// associated joins the parts with lengths, so that no two places give the same bytes.
func associated(p Place, version string) []byte {
	return fmt.Appendf(nil, "dualmint:%d:%s:%d:%s:%s", len(p.Table), p.Table, len(p.ID), p.ID, version)
}
