package m2m

import (
	"slices"
	"strings"
)

// Scopes is the set of machines that may be called. A scope is one-way.
type Scopes []MachineID

// Has tells whether id is in the set. The empty id never is.
func (s Scopes) Has(id MachineID) bool {
	return id != "" && slices.Contains(s, id)
}

// String joins the ids with spaces: the scope claim of RFC 8693 section 4.2, and the form in which records keep them.
func (s Scopes) String() string {
	ids := make([]string, len(s))
	for i, id := range s {
		ids[i] = string(id)
	}
	return strings.Join(ids, " ")
}

// ParseScopes reads what String wrote. Anything that is not a machine id makes it fail.
func ParseScopes(s string) (Scopes, bool) {
	if s == "" {
		return Scopes{}, true
	}
	out := make(Scopes, 0, strings.Count(s, " ")+1)
	for part := range strings.SplitSeq(s, " ") {
		id, ok := ParseMachineID(part)
		if !ok {
			return nil, false
		}
		out = append(out, id)
	}
	return out, true
}

// ScopeRule says which scopes count when a token is checked online.
type ScopeRule string

// Live takes a removed scope from every live token; Snapshot leaves tokens what they were created with.
const (
	Live     ScopeRule = "live"
	Snapshot ScopeRule = "snapshot"
)

// Allows is the one scope rule: receiver may use a token that was created with the scopes created, of a machine whose
// scopes of this moment are current. An unknown rule allows nothing. The store answers the same in SQL, and its tests
// hold the two against each other.
func (r ScopeRule) Allows(receiver MachineID, created, current Scopes) bool {
	switch r {
	case Live:
		return created.Has(receiver) && current.Has(receiver)
	case Snapshot:
		return created.Has(receiver)
	default:
		return false
	}
}
