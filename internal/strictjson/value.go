package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// IsNull tells whether the value is null.
func (v Value) IsNull() bool { return string(v) == "null" }

// IsObject tells whether the value is an object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// String gives a JSON string's characters.
func (v Value) String() (string, bool) {
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	if body := v[1 : len(v)-1]; bytes.IndexByte(body, '\\') < 0 {
		return string(body), true
	}
	out, err := jsontext.AppendUnquote(nil, v)
	return string(out), err == nil
}

// AppendString appends s as a JSON string in the form of RFC 8785. What is not UTF-8 in s becomes U+FFFD.
func AppendString(to []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(to, s) // the error tells of the replacement only
	return out
}

// Bool gives true or false, and whether the value is one of them.
func (v Value) Bool() (b, ok bool) {
	return string(v) == "true", string(v) == "true" || string(v) == "false"
}

// Int gives a JSON number written as an integer, without fraction or exponent, that fits an int64.
func (v Value) Int() (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil && len(v) > 0 && v[0] != '+'
}

// Float gives any JSON number that is finite as a float64.
func (v Value) Float() (float64, bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return f, err == nil
}

// Array gives the elements of a JSON array.
func (v Value) Array() ([]Value, bool) {
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	out := make([]Value, 0, min(bytes.Count(v, []byte{','})+1, 32)) // as many as there are, if they are few and hold no others
	for i := skipSpace(v, 1); v[i] != ']'; i = skipSpace(v, i) {
		if v[i] == ',' {
			i = skipSpace(v, i+1)
		}
		end := endOfValue(v, i)
		out = append(out, v[i:end:end])
		i = end
	}
	return out, true
}

// ErrInexact is a number that a float64 cannot hold exactly as written, such as 9007199254740993 or 1e400.
var ErrInexact = errors.New("number loses precision")

// Canonical gives the value in the form of RFC 8785, in memory of its own. It refuses with ErrInexact what that form would
// change, and with ErrSyntax what is not strict JSON.
func (v Value) Canonical() (Value, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		t, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, syntax(err)
		}
		if t.Kind() == jsontext.KindNumber && !exact(t.String()) {
			return nil, ErrInexact
		}
	}
	out := jsontext.Value(v).Clone()
	if err := out.Canonicalize(); err != nil {
		return nil, syntax(err)
	}
	return Value(out), nil
}

// exact tells whether the shortest decimal of the nearest float64 is the number as written.
func exact(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return false
	}
	digits, exponent := normalise(number)
	want, wantExponent := normalise(strconv.FormatFloat(f, 'e', -1, 64))
	return digits == want && exponent == wantExponent
}

// normalise gives a decimal's significant digits without zeros at either end, and the power of ten of the last one. Zero is
// ("", 0). The sign does not matter here.
func normalise(number string) (string, int) {
	number = strings.TrimLeft(number, "-")
	mantissa, exp, _ := strings.Cut(strings.ToLower(number), "e")
	exponent, err := strconv.Atoi(strings.TrimPrefix(exp, "+"))
	if err != nil && exp != "" {
		return "?", 0 // an exponent past an int's range: never equal to what a float64 prints, unless the number is zero
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed == "" {
		return "", 0
	}
	return trimmed, exponent
}
