package tokens

import (
	"errors"
	"slices"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
)

func TestNarrowingTakesAwayAndNeverAdds(t *testing.T) {
	const a, b, c, other = m2m.MachineID("a"), m2m.MachineID("b"), m2m.MachineID("c"), m2m.MachineID("x")
	have := m2m.Scopes{a, b, c}
	for name, row := range map[string]struct {
		scopes, resources, want m2m.Scopes
		fault                   string
	}{
		"nothing named":         {nil, nil, have, ""},
		"order of the machine":  {m2m.Scopes{c, a}, nil, m2m.Scopes{a, c}, ""},
		"named twice":           {nil, m2m.Scopes{b, b}, m2m.Scopes{b}, ""},
		"both":                  {m2m.Scopes{a, b}, m2m.Scopes{b, c}, m2m.Scopes{b}, ""},
		"nothing in common":     {m2m.Scopes{a}, m2m.Scopes{b}, nil, "resource"},
		"a scope too many":      {m2m.Scopes{a, other}, nil, nil, "scope"},
		"a resource too many":   {nil, m2m.Scopes{a, other}, nil, "resource"},
		"one outside of both":   {m2m.Scopes{other}, m2m.Scopes{other}, nil, "scope"},
		"an empty list is none": {m2m.Scopes{}, nil, nil, "resource"},
	} {
		got, err := narrow(have, row.scopes, row.resources)
		field := ""
		if f, ok := errors.AsType[*m2m.FieldError](err); ok {
			field = f.Field
		}
		if !slices.Equal(got, row.want) || field != row.fault {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := narrow(nil, nil, m2m.Scopes{a}); err == nil {
		t.Errorf("a machine without scopes got %v", got)
	}
}

// R13: the name that a client gives itself must be that of whoever holds the credential.
func TestAClientIsTheHolderOfItsCredential(t *testing.T) {
	w := newWorld(t)
	if got, err := w.Issue(t.Context(), "good", Request{Client: alpha, Scopes: m2m.Scopes{beta}}); err != nil || !slices.Equal(got.Record.Scopes, m2m.Scopes{beta}) {
		t.Errorf("Issue = %+v, %v", got, err)
	}
	if _, err := w.Issue(t.Context(), "good", Request{Client: beta}); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("under another's name: %v", err)
	}
	if _, err := w.Issue(t.Context(), "good", Request{Client: alpha, Resources: m2m.Scopes{alpha}}); reasonOf(err) != m2m.WrongValue {
		t.Errorf("outside the scopes: %v", err)
	}
	if len(w.store.recorded) != 1 {
		t.Errorf("%d tokens recorded", len(w.store.recorded))
	}
}
