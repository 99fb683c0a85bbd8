// Package publickey says which public keys of others are keys at all: the Ed25519 and P-256 keys (RFC 7517, RFC 7518, RFC 8037) by which
// a machine proves itself, and the points that no honest key is.
//
// What is registered and what verifies are read by the one function here, so that no key is taken that could not be used, and none is used
// that would not have been taken. It refuses to know whose a key is and what it signs. Its invariants: a private member is refused, an
// unknown member is refused, a point of small order or off its curve is no key. Start reading at jwk.go.
package publickey
