// Package keys owns the life of the signing keys and the key set that verifiers fetch.
//
// A key is announced (published, does not sign), then active (one signs), then retiring (published, no longer signs), then removed;
// from anywhere it can be found compromised. What is due is decided by a function of ring, time and policy alone (plan.go); the store
// applies it if the ring is still what was decided upon, so that replicas cannot rotate twice.
//
// The package refuses to know what is signed and who asks for the key set. Its invariants: a key signs only after every key set that
// anybody may still hold contains it (R39); it is published until everything it signed has expired; a replica whose copy of the
// ring is older than its lease neither publishes nor signs (R40, R43); private halves leave the memory of this package sealed only,
// and to the signer of tokens (R37). Requests are answered from memory; the store is read once per interval. jwx is used here, for the
// JWK form and the thumbprint. Start reading at store.go, policy.go, plan.go, then keeper.go.
package keys
