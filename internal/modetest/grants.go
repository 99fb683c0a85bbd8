package modetest

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// Epoch is a time at which every grant of this package is alive: it was issued at or before it and expires after it.
func Epoch() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// Example is one ordinary grant.
func Example() m2m.Grant {
	return m2m.Grant{
		ID: "mt_0123456789abcdef0123456789abcdef", Machine: "mch_000000000000000000000000A00",
		Scopes:   m2m.Scopes{"mch_000000000000000000000000B00", "mch_000000000000000000000000C00"},
		Claims:   m2m.Claims(`{"role":"billing"}`),
		IssuedAt: Epoch(), ExpiresAt: Epoch().Add(time.Hour),
	}
}

// Grants draws any grant that both formats can say and that is alive at Epoch: up to forty scopes, claims of every JSON type, times in
// whole seconds.
func Grants() *rapid.Generator[m2m.Grant] {
	return rapid.Custom(func(t *rapid.T) m2m.Grant {
		machine := rapid.Custom(func(t *rapid.T) m2m.MachineID {
			return m2m.MachineID(rapid.StringMatching(`mch_[0-9A-Za-z]{27}`).Draw(t, "machine"))
		})
		id := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")
		return m2m.Grant{
			ID:        m2m.TokenID("mt_" + hex.EncodeToString(id)),
			Machine:   machine.Draw(t, "subject"),
			Scopes:    rapid.SliceOfNDistinct(machine, 0, 40, rapid.ID).Draw(t, "scopes"),
			Claims:    claims(t),
			IssuedAt:  Epoch().Add(-time.Duration(rapid.Int64Range(0, 1e6).Draw(t, "age")) * time.Second),
			ExpiresAt: Epoch().Add(time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "left")) * time.Second),
		}
	})
}

// claims draws null or an object in canonical form, without reserved names.
func claims(t *rapid.T) m2m.Claims {
	if rapid.Bool().Draw(t, "null") {
		return nil
	}
	object := map[string]any{}
	for name, value := range rapid.MapOfN(rapid.StringN(0, 12, -1), value(3), 0, 6).Draw(t, "claims") {
		if !m2m.ReservedClaim(name) {
			object[name] = value
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("write claims: %v", err)
	}
	canonical, err := strictjson.Value(text).Canonical()
	if err != nil {
		t.Fatalf("claims %s: %v", text, err)
	}
	return m2m.Claims(canonical)
}

// value draws any JSON value, nested at most depth deep.
func value(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.StringN(0, 20, -1).AsAny(), rapid.Float64().AsAny(), rapid.Int32().AsAny(),
	}
	if depth > 1 {
		leaves = append(leaves, rapid.SliceOfN(value(depth-1), 0, 3).AsAny(), rapid.MapOfN(rapid.StringN(0, 6, -1), value(depth-1), 0, 3).AsAny())
	}
	return rapid.OneOf(leaves...)
}
