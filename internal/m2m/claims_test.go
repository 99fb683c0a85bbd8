package m2m

import (
	"strings"
	"testing"
	"unicode"
)

// R24: a name equal to a reserved one under Unicode simple folding is reserved.
func TestReservedClaimSeesThroughFolding(t *testing.T) {
	for _, name := range []string{"sub", "SUB", "Sub", "ſub", "ſUB", "\u212aid", "scope\u017f", "STATUſ", "ıss"} {
		if want := name != "ıss"; ReservedClaim(name) != want { // the dotless i folds to nothing
			t.Errorf("ReservedClaim(%q) = %v; want %v", name, !want, want)
		}
	}
	for _, name := range []string{"", "role", "subs", "su", "sub ", "s\u0000ub", "iss\u0301", "\xffub"} {
		if ReservedClaim(name) {
			t.Errorf("%q counts as reserved", name)
		}
	}
}

// R24: every spelling that one fold of one letter gives is reserved, for every name of the list.
func TestReservedClaimKnowsEveryFoldOfEveryName(t *testing.T) {
	for _, name := range ReservedClaims() {
		for i, r := range name {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				if spelled := name[:i] + string(f) + name[i+1:]; !ReservedClaim(spelled) {
					t.Errorf("%q is not seen to be %q", spelled, name)
				}
			}
		}
	}
}

// The list of the wire contract, in its order: it is closed.
func TestReservedClaimsAreThoseOfTheContract(t *testing.T) {
	const contract = "iss sub aud exp nbf iat jti scope scopes client_id azp act cnf status kid typ alg"
	if got := strings.Join(ReservedClaims(), " "); got != contract {
		t.Errorf("reserved: %s; want %s", got, contract)
	}
}

func TestReservedClaimAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { ReservedClaim("department") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
