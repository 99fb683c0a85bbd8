package m2m

import "strings"

// ReservedClaims lists the claim names that a custom claim may not take: those that every token of ours sets and those that
// verifiers give a meaning to. The list is closed and part of the wire contract.
func ReservedClaims() []string {
	return []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scopes", "client_id",
		"azp", "act", "cnf", "status", "kid", "typ", "alg",
	}
}

// ReservedClaim tells whether a claim of this name could be taken for a reserved one. Names are compared under Unicode simple
// folding, because verifiers exist that match them so: to those "SUB" and "ſub" are "sub" (R24).
func ReservedClaim(name string) bool {
	for _, reserved := range ReservedClaims() {
		if strings.EqualFold(name, reserved) {
			return true
		}
	}
	return false
}
