// Package jwt is the signed mode of a token: an Ed25519-signed JWT (RFC 7519, RFC 8037) in the profile of RFC 9068, and the one strict
// verifier that the issuer and the receiving side share, so that they cannot differ.
//
// It owns what a token of ours looks like, how it is signed, and every step of checking one: our own gate (length, characters,
// strict base64url, header allow-list), golang-jwt's signature check, our own exact-key claims. golang-jwt's parser is only the
// oracle of the tests. It refuses to know where keys come from and what the database thinks of a token.
//
// Invariants: nothing is decoded before its length and characters are known, nothing is believed before the signature holds, a
// token that this verifier would refuse is never minted, and a token is dead at its expiry second. Verifying costs one
// signature check and about ten small allocations. Start reading at verify.go, then mode.go.
package jwt
