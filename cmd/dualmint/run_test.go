package main

import (
	"slices"
	"testing"
)

// A kid is the text of a hash, and one in 64 begins with a dash; the command for an emergency must take each.
func TestKidsThatBeginWithADashAreNoFlags(t *testing.T) {
	const kid = "-ymfVazgdQx5WFm6e6SZbwJPCuai1s5F3NRk_DB5p8k"
	for _, row := range []struct{ given, want []string }{
		{[]string{"keys", "compromise", kid}, []string{"keys", "compromise", "--", kid}},
		{[]string{"keys", "compromise", kid, "--json"}, []string{"keys", "compromise", "--json", "--", kid}},
		{[]string{"keys", "compromise", "--", kid}, []string{"keys", "compromise", "--", kid}},
		{[]string{"keys", "rotate", "--retire", kid, "--force"}, []string{"keys", "rotate", "--retire", kid, "--force"}},
		{[]string{"keys", "compromise", kid[1:] + "x"}, []string{"keys", "compromise", kid[1:] + "x"}},
		{[]string{"keys", "-h"}, []string{"keys", "-h"}},
		{[]string{kid}, []string{kid}},
		{nil, nil},
	} {
		if got := namesLast(row.given); !slices.Equal(got, row.want) {
			t.Errorf("%q become %q, want %q", row.given, got, row.want)
		}
	}
}
