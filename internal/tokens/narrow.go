package tokens

import "github.com/dualmint/dualmint/internal/m2m"

// narrow gives those of a machine's scopes that a request asks for, in the machine's order: all of them when it names none. What a
// request names must be among them, so that asking can take away and never add; where it names both scopes and resources, a receiver
// must be in both.
func narrow(have, scopes, resources m2m.Scopes) (m2m.Scopes, error) {
	if scopes == nil && resources == nil {
		return have, nil
	}
	for _, id := range scopes {
		if !have.Has(id) {
			return nil, fault("scope", m2m.WrongValue, "names a receiver that is not among the scopes of this machine")
		}
	}
	for _, id := range resources {
		if !have.Has(id) {
			return nil, fault("resource", m2m.WrongValue, "names a receiver that is not among the scopes of this machine")
		}
	}
	var out m2m.Scopes
	for _, id := range have {
		if (scopes == nil || scopes.Has(id)) && (resources == nil || resources.Has(id)) {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return nil, fault("resource", m2m.WrongValue, "and scope have no receiver in common")
	}
	return out, nil
}
