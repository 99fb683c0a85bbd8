//go:build faults

package faults

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// action is what is done to one token, or, for the last two, to the scope that all tokens of its holder need.
type action int

const (
	verify action = iota
	revoke
	disallow
	allow
)

// operation is the input of the model. The output is a bool: whether a verification said valid.
type operation struct {
	action action
	token  int
}

// standing is what decides, at any one moment, whether the tokens of one holder are good.
type standing struct {
	revoked    [2]bool
	disallowed bool
}

// oneAfterTheOther is the service as if it did one thing at a time. A history that this model could not have answered, in any order that
// keeps "ended before the other began", shows a verification that was answered from the past.
var oneAfterTheOther = porcupine.Model{
	Init: func() any { return standing{} },
	Step: func(state, input, output any) (bool, any) {
		s, op := state.(standing), input.(operation)
		switch op.action {
		case revoke:
			s.revoked[op.token] = true
		case disallow:
			s.disallowed = true
		case allow:
			s.disallowed = false
		case verify:
			return output.(bool) == (!s.revoked[op.token] && !s.disallowed), s
		}
		return true, s
	},
}

const judgeWithin = 30 * time.Second

// possible tells whether a history could have happened one after the other.
func possible(t *testing.T, history []porcupine.Operation) bool {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(oneAfterTheOther, history, judgeWithin) {
	case porcupine.Ok:
		return true
	case porcupine.Illegal:
		return false
	case porcupine.Unknown:
	}
	t.Fatalf("no verdict on %d operations within %v", len(history), judgeWithin)
	return false
}

// The model itself: what it must accept, and the smallest things that it must not.
func TestTheModelTellsAStaleAnswerFromAConcurrentOne(t *testing.T) {
	op := func(a action, from, to int64, valid bool) porcupine.Operation {
		return porcupine.Operation{Input: operation{action: a}, Output: valid, Call: from, Return: to}
	}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"valid before":                    {[]porcupine.Operation{op(verify, 1, 2, true), op(revoke, 3, 4, false)}, true},
		"valid while it is revoked":       {[]porcupine.Operation{op(revoke, 1, 9, false), op(verify, 2, 8, true)}, true},
		"valid after":                     {[]porcupine.Operation{op(revoke, 1, 2, false), op(verify, 3, 4, true)}, false},
		"refused before":                  {[]porcupine.Operation{op(verify, 1, 2, false), op(revoke, 3, 4, false)}, false},
		"refused, then valid, meanwhile":  {[]porcupine.Operation{op(revoke, 1, 9, false), op(verify, 2, 3, false), op(verify, 4, 5, true)}, false},
		"valid once the scope is back":    {[]porcupine.Operation{op(disallow, 1, 2, false), op(allow, 3, 4, false), op(verify, 5, 6, true)}, true},
		"refused once the scope is back":  {[]porcupine.Operation{op(disallow, 1, 2, false), op(allow, 3, 4, false), op(verify, 5, 6, false)}, false},
		"valid while the scope is away":   {[]porcupine.Operation{op(disallow, 1, 2, false), op(verify, 3, 4, true), op(allow, 5, 6, false)}, false},
		"refused while the scope is away": {[]porcupine.Operation{op(disallow, 1, 2, false), op(verify, 3, 4, false), op(allow, 5, 6, false)}, true},
	} {
		if possible(t, c.history) != c.want {
			t.Errorf("%s: judged as %v", name, !c.want)
		}
	}
}
