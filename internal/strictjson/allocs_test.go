//go:build !race

// The race detector makes pools forget at random, so what is pinned here holds without it only.

package strictjson

import (
	"testing"
)

// The parse stands on the path of every verification.
func TestParseAllocatesTwice(t *testing.T) {
	text := []byte(`{"a":{"b":[1,2]},"c":"\u00e9","d":null,"e":[{}, "]"]}`)
	if n := testing.AllocsPerRun(100, func() { _, _ = Parse(text, 8) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
