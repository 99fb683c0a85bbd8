package usage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
)

func TestDollarsAreReadExactly(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0": 0, "1": 1_000_000_000, "0.001": 1_000_000, "0.0001": 100_000, "0.00001": 10_000, "0.000000001": 1,
		"1.1": 1_100_000_000, "0.3": 300_000_000, "123.456789012": 123_456_789_012, "007.50": 7_500_000_000, "1000000": 1_000_000_000_000_000,
	} {
		if got, err := parseDollars(text); err != nil || got != want {
			t.Errorf("parseDollars(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ".", ".5", "1.", "-1", "+1", "-0", "1e3", "1,5", "0.0000000001", "0.0010000000", "1.2.3", "$1", " 1", "0x1", "NaN", "Inf", "1_0", "１",
		"1000000.000000001", "1000001", "9223372036854775808", "99999999999999999999999",
	} {
		if got, err := parseDollars(text); err == nil {
			t.Errorf("parseDollars(%q) = %d; want a fault", text, got)
		}
	}
}

func TestPricesHoldFromTheirDate(t *testing.T) {
	p, err := ParsePrices(" create=0.002 ;2026-03-15 verify=0.00001; 2027-01-01 create=0.5 verify=0")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.WithAllowances("verify=7; 2026-03-15 create=2500"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hour           string
		create, verify Rate
	}{
		{"0001-01-01T00", Rate{2_000_000, 0}, Rate{100_000, 7}},
		{"2026-03-14T23", Rate{2_000_000, 0}, Rate{100_000, 7}},
		{"2026-03-15T00", Rate{2_000_000, 2500}, Rate{10_000, 7}},
		{"2026-12-31T23", Rate{2_000_000, 2500}, Rate{10_000, 7}},
		{"2027-01-01T00", Rate{500_000_000, 2500}, Rate{0, 7}},
		{"2999-01-01T00", Rate{500_000_000, 2500}, Rate{0, 7}},
	} {
		got := []Rate{p.At(hour(c.hour), m2m.OpCreate), p.At(hour(c.hour), m2m.OpVerify)}
		if diff := cmp.Diff([]Rate{c.create, c.verify}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.hour, diff)
		}
	}
	if got := p.At(hour("2027-01-01T00"), "refuse"); got != (Rate{}) {
		t.Errorf("an operation that is not metered costs %v", got)
	}
}

func TestDefaultPricesAreTheContracts(t *testing.T) {
	parsed, err := ParsePrices(" ")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]PriceList{"zero": {}, "parsed": parsed} {
		if p.At(time.Time{}, m2m.OpCreate) != (Rate{NanoDollars: 1_000_000}) || p.At(time.Time{}, m2m.OpVerify) != (Rate{NanoDollars: 100_000}) {
			t.Errorf("%s: %s; %s", name, p, p.Allowances())
		}
	}
}

func TestEveryFaultOfAPriceListIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"create=0.001;":      "entry 2: empty",
		";":                  "entry 1: empty\nentry 2: empty",
		"2026-01-01":         "entry 1: names neither create nor verify",
		"create=1; verify=1": "entry 2: a date such as 2027-01-01 must come first: only the first entry holds from the beginning",
		"2026-02-01 create=1;2026-02-01 verify=1": "entry 2: 2026-02-01 is not after 2026-02-01: dates must ascend",
		"2026-02-01 create=1;2026-01-31 verify=1": "entry 2: 2026-01-31 is not after 2026-02-01: dates must ascend",
		"2026-02-30 create=1":                     `entry 1: "2026-02-30" is neither a date such as 2027-01-01 nor create= or verify= with a value`,
		"0000-01-01 create=1":                     `entry 1: "0000-01-01" is neither a date such as 2027-01-01 nor create= or verify= with a value`,
		"2026-1-1 create=1":                       `entry 1: "2026-1-1" is neither a date such as 2027-01-01 nor create= or verify= with a value`,
		"create=1 2026-01-01":                     `entry 1: "2026-01-01" gives neither create= nor verify= a value`,
		"Create=1":                                `entry 1: "Create=1" gives neither create= nor verify= a value`,
		"create=1 create=1":                       "entry 1: create is named twice",
		"create=":                                 `entry 1: create: "" is not a number of dollars such as 0.001`,
		"verify=0.0000000001":                     `entry 1: verify: "0.0000000001" has more than 9 decimal places`,
		"verify=1000001; refuse=1; create=-1":     "entry 1: verify: \"1000001\" is more than 1000000 dollars\nentry 2: \"refuse=1\" gives neither create= nor verify= a value\nentry 3: create: \"-1\" is not a number of dollars such as 0.001",
	} {
		if _, err := ParsePrices(text); err == nil || err.Error() != want {
			t.Errorf("ParsePrices(%q): %v; want %s", text, err, want)
		}
	}
	for _, text := range []string{"create=0.5", "create=-1", "create=+1", "create=1e3", "verify=9223372036854775808", "create=2500,verify=1"} {
		if _, err := (PriceList{}).WithAllowances(text); err == nil || !strings.HasPrefix(err.Error(), "entry 1: ") {
			t.Errorf("WithAllowances(%q): %v; want a fault of entry 1", text, err)
		}
	}
}

func TestPriceListsReadBackWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := priceLists().Draw(t, "prices")
		again, err := ParsePrices(p.String())
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if again, err = again.WithAllowances(p.Allowances()); err != nil {
			t.Fatalf("%s: %v", p.Allowances(), err)
		}
		if diff := cmp.Diff(p, again, cmp.AllowUnexported(PriceList{}, step{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParsePrices(f *testing.F) {
	f.Add("2026-01-01 create=0.001 verify=0.0001; 2026-02-01 create=1")
	f.Add("create=0.000000001;")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePrices(text)
		if err != nil {
			return
		}
		again, err := ParsePrices(p.String())
		if err != nil || !cmp.Equal(p, again, cmp.AllowUnexported(PriceList{}, step{})) {
			t.Errorf("%q was read as %s, which is read as %s, %v", text, p, again, err)
		}
	})
}

// priceLists draws lists whose dates fall among the hours that rowSets draws, and whose allowances are small enough to matter.
func priceLists() *rapid.Generator[PriceList] {
	steps := func(highest int64) *rapid.Generator[[]step] {
		return rapid.Custom(func(t *rapid.T) []step {
			value := rapid.Int64Range(0, highest)
			out := []step{{create: value.Draw(t, "create"), verify: value.Draw(t, "verify")}}
			from := hour("2024-02-27T00")
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				from = from.AddDate(0, 0, rapid.IntRange(1, 3).Draw(t, "days"))
				out = append(out, step{from: from, create: value.Draw(t, "create"), verify: value.Draw(t, "verify")})
			}
			return out
		})
	}
	return rapid.Custom(func(t *rapid.T) PriceList {
		return PriceList{prices: steps(2_000_000_000).Draw(t, "prices"), allowances: steps(40).Draw(t, "allowances")}
	})
}

func hour(text string) time.Time {
	at, err := time.Parse("2006-01-02T15", text)
	if err != nil {
		panic(err)
	}
	return at
}
