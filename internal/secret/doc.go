// Package secret makes, recognises, hashes and seals random credentials, and keeps them from being printed.
//
// It owns the form of a credential (prefix, 190 random bits in base62, checksum), the one hash under which credentials are
// stored, and sealing at rest under the master keys. It refuses to know what a credential opens. Its invariants: a Text
// never prints, a sealed value opens only in the place it was sealed for. Start reading at credential.go.
package secret
