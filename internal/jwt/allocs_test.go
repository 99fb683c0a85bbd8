//go:build !race

// The race detector makes pools forget at random, so what is pinned here holds without it only.

package jwt

import (
	"testing"
)

// A first sight of a token costs hardly more than its signature.
func TestVerifyAllocatesLittle(t *testing.T) {
	v := verifierAt(t, start, 0)
	plain := goodGrant()
	plain.Claims = nil
	for name, g := range map[string]struct {
		most float64
		fits bool
	}{"without custom claims": {14, false}, "with custom claims": {16, true}} {
		grant := plain
		if g.fits {
			grant = goodGrant()
		}
		token := mint(t, grant)
		if n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(token, machineB) }); n > g.most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, g.most)
		}
	}
}
