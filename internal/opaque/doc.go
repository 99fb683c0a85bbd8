// Package opaque is the stored mode of a token: a random credential that says nothing, and that the database knows by its hash.
//
// It owns the two directions of that mode, grant to bearer string and bearer string to hash. It refuses to know where hashes
// are kept and what they mean. Its invariants: a token carries no information (R5), and a string whose checksum fails is
// refused before anything is looked up (R4). Minting costs one draw of random bytes, reading one checksum and one SHA-256.
// Start reading at mode.go.
package opaque
