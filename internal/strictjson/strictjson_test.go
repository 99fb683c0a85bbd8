package strictjson

import (
	"errors"
	"testing"
)

// R54: one object, exact names, no duplicates, no trailing data, valid UTF-8, bounded depth.
func TestParseRefusesWhatIsNotOneStrictObject(t *testing.T) {
	for _, text := range []string{
		``, ` `, `null`, `[]`, `"a"`, `1`, `{`, `}`, `{}{}`, `{} x`, `{}]`, `{"a":1,}`, `{,}`, `{"a"}`, `{a:1}`, `{'a':1}`,
		`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":0x1}`, `{"a":tru}`, `{"a":"` + "\x00" + `"}`,
		`{"a":"\x"}`, `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, "{\"a\":\"\xff\"}", "{\"\xff\":1}", "\ufeff{}", `{"a":1,"a":2}`,
		`{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"a":[{"b":1,"b":1}]}`, `{"a":1 "b":2}`, `{"a":1}/**/`, `{/**/}`, "{\"a\":\"\n\"}",
	} {
		if o, err := Parse([]byte(text), 8); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%q) = %v, %v; want ErrSyntax", text, o, err)
		}
	}
}

func TestParseBoundsDepthAndIgnoresBracketsInStrings(t *testing.T) {
	if _, err := Parse([]byte(`{"a":[[1]]}`), 3); err != nil {
		t.Errorf("three deep under a limit of three: %v", err)
	}
	if _, err := Parse([]byte(`{"a":[[[1]]]}`), 3); !errors.Is(err, ErrTooDeep) {
		t.Errorf("four deep under a limit of three: %v", err)
	}
	if _, err := Parse([]byte(`{"a":"[[[[\"[[[["}`), 1); err != nil {
		t.Errorf("brackets inside a string counted: %v", err)
	}
}

func TestParseKeepsNamesExact(t *testing.T) {
	o, err := Parse([]byte(`{"Token":1,"token":"\u0041b","x":null,"n":{"a":[1,"b"]}}`), 8)
	if err != nil {
		t.Fatal(err)
	}
	v, ok := o.Get("token")
	if s, isString := v.String(); !ok || !isString || s != "Ab" {
		t.Errorf("token = %q", v)
	}
	if _, ok := o.Get("TOKEN"); ok {
		t.Error("a name was found under another case")
	}
	n, _ := o.Get("n")
	if string(n) != `{"a":[1,"b"]}` || !n.IsObject() {
		t.Errorf("n = %s", n)
	}
}

// R24: no number that loses precision. RFC 8785 section 3.2.2.3.
func TestCanonicalRefusesNumbersThatLosePrecision(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":1.0,"a":[1e2,0.10,-0,5e-324,1.7976931348623157e308,9007199254740992]}`: `{"a":[100,0.1,0,5e-324,1.7976931348623157e+308,9007199254740992],"b":1}`,
		`{"€":"\u20ac","\r":"\u000a","1":{}}`:                                        `{"\r":"\n","1":{},"€":"€"}`,
	} {
		got, err := Value(text).Canonical()
		if err != nil || string(got) != want {
			t.Errorf("Canonical(%s) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, number := range []string{"9007199254740993", "1e400", "-1e400", "1e-400", "0.1000000000000000055511151231257827", "123456789012345678901", "1e99999999999999999999"} {
		if got, err := Value(`{"a":` + number + `}`).Canonical(); !errors.Is(err, ErrInexact) {
			t.Errorf("Canonical of %s = %s, %v; want ErrInexact", number, got, err)
		}
	}
}

func TestNumbersOfTheWrongKindAreNotGiven(t *testing.T) {
	for _, text := range []string{`"60"`, `true`, `null`, `1e400`, `{}`} {
		if f, ok := Value(text).Float(); ok {
			t.Errorf("Float(%s) = %v", text, f)
		}
	}
	for _, text := range []string{`1.0`, `1e3`, `"1"`, `99999999999999999999`} {
		if n, ok := Value(text).Int(); ok {
			t.Errorf("Int(%s) = %v", text, n)
		}
	}
}

func TestAppendStringQuotesAsRFC8785Does(t *testing.T) {
	if got, want := string(AppendString([]byte("x"), "a\"\\/\u20ac\n\x01<")), `x"a\"\\/€\n\u0001<"`; got != want {
		t.Errorf("AppendString = %s; want %s", got, want)
	}
}

func TestArrayGivesElementsAsWritten(t *testing.T) {
	o, err := Parse([]byte(` { "a" : [ 1 , "]\\\"" , { "x" : [ "}" ] } , [ ] ,null ] , "b\"" : [] } `), 8)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := o.Get("a")
	elements, ok := a.Array()
	want := []string{`1`, `"]\\\""`, `{ "x" : [ "}" ] }`, `[ ]`, `null`}
	if !ok || len(elements) != len(want) {
		t.Fatalf("elements = %q", elements)
	}
	for i := range want {
		if string(elements[i]) != want[i] {
			t.Errorf("element %d = %s; want %s", i, elements[i], want[i])
		}
	}
	if b, ok := o.Get(`b"`); !ok || string(b) != "[]" {
		t.Errorf("a name with an escape: %q, %v", b, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,2.5e3,"\u00e9"]},"c":null}`))
	f.Add([]byte(`{"a":1,"a":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Parse(data, 8)
		if err != nil {
			return
		}
		for _, m := range o {
			if c, err := m.Value.Canonical(); err == nil {
				again, err := c.Canonical()
				if err != nil || string(again) != string(c) {
					t.Fatalf("canonical form of %q is not stable: %q, %q, %v", m.Value, c, again, err)
				}
			}
		}
	})
}
