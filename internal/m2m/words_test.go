package m2m

import (
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/secret"
)

// R2: ids, tokens and secrets differ in shape, so that none is taken for another.
func TestIDsHaveExactlyTheirShape(t *testing.T) {
	machine, token := "mch_"+strings.Repeat("0aZ", 9), string(NewTokenID())
	if _, ok := ParseMachineID(machine); !ok {
		t.Errorf("%q is no machine id", machine)
	}
	if _, ok := ParseTokenID(token); !ok {
		t.Errorf("%q is no token id", token)
	}
	for _, s := range []string{
		"", "mch_", machine + "0", machine[:30], machine[1:], "MCH_" + machine[4:], machine[:30] + "-", machine[:30] + " ", machine[:29] + "é", " " + machine,
		token, token + "0", token[:34], strings.ToUpper(token), token[:34] + "g", secret.New(secret.OpaqueToken).Reveal(), secret.New(secret.MachineSecret).Reveal(),
	} {
		if _, ok := ParseMachineID(s); ok {
			t.Errorf("%q is a machine id", s)
		}
		if _, ok := ParseTokenID(s); ok && s != token {
			t.Errorf("%q is a token id", s)
		}
	}
}

func TestScopesSurviveTheirText(t *testing.T) {
	a, b := MachineID("mch_"+strings.Repeat("a", 27)), MachineID("mch_"+strings.Repeat("b", 27))
	for _, s := range []Scopes{{}, {a}, {a, b}} {
		got, ok := ParseScopes(s.String())
		if !ok || got.String() != s.String() || len(got) != len(s) {
			t.Errorf("ParseScopes(%q) = %v, %v", s.String(), got, ok)
		}
	}
	for _, text := range []string{" ", string(a) + " ", " " + string(a), string(a) + "  " + string(b), string(a) + "," + string(b), "x"} {
		if got, ok := ParseScopes(text); ok {
			t.Errorf("ParseScopes(%q) = %v", text, got)
		}
	}
}

// R14, R15: one-way, and good only while it is in both. Doubt denies.
func TestScopeRule(t *testing.T) {
	const a, b = MachineID("a"), MachineID("b")
	for _, c := range []struct {
		rule             ScopeRule
		created, current Scopes
		receiver         MachineID
		want             bool
	}{
		{Live, Scopes{a, b}, Scopes{b}, b, true},
		{Live, Scopes{a, b}, Scopes{a}, b, false},
		{Live, Scopes{a}, Scopes{a, b}, b, false},
		{Snapshot, Scopes{b}, nil, b, true},
		{Snapshot, Scopes{a}, Scopes{b}, b, false},
		{Live, nil, nil, b, false},
		{Live, Scopes{""}, Scopes{""}, "", false},
		{Snapshot, Scopes{""}, nil, "", false},
		{"", Scopes{b}, Scopes{b}, b, false},
		{"LIVE", Scopes{b}, Scopes{b}, b, false},
	} {
		if got := c.rule.Allows(c.receiver, c.created, c.current); got != c.want {
			t.Errorf("%q allows %q of %v, now %v: %v", c.rule, c.receiver, c.created, c.current, got)
		}
	}
}

func TestShapeIsATotalFunctionOfTheBytes(t *testing.T) {
	for text, want := range map[string]Format{
		"": "", "mt_": Opaque, "mt_abc": Opaque, "mt_a.b": "", "mt_a.b.c": JWT, "a.b.c": JWT, "..": JWT, "a.b": "", "a.b.c.d": "", "ak_x": "", "MT_x": "", " mt_x": "",
	} {
		if got := ShapeOf(secret.Text(text)); got != want {
			t.Errorf("ShapeOf(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestATokenIsDeadAtItsExpirySecond(t *testing.T) {
	end := time.Unix(1000, 0)
	g := Grant{ExpiresAt: end}
	if g.Expired(end.Add(-time.Nanosecond)) || !g.Expired(end) || (Grant{}).Expired(end) {
		t.Error("the boundary of expiry is off")
	}
}

func TestZeroValuesAreNobody(t *testing.T) {
	if (Caller{}).Known() || (Caller{}).MachineID() != "" || (Caller{Instance: true}).MachineID() != "" {
		t.Error("a zero caller is somebody")
	}
	if _, ok := ParseFormat(""); ok {
		t.Error("the empty format is a format")
	}
}
