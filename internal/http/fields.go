package httpapi

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/strictjson"
)

// fields reads the members of a body by name and type, and collects what is wrong with them. Bounds of values belong to the services,
// except where a value would not survive the way there.
type fields struct {
	object strictjson.Object
	faults faults
}

// null says what a null field means.
type null bool

const (
	nullIsAbsent null = true
	nullIsFault  null = false
)

func (f *fields) err() error { return f.faults.err() }

// only notes every member that is not among the names.
func (f *fields) only(names []string) {
	for _, m := range f.object {
		if !slices.Contains(names, m.Name) {
			f.faults.add(m.Name, m2m.Unknown, "is not a field of this call")
		}
	}
}

// require notes the field if it is not there.
func (f *fields) require(name string) {
	if _, ok := f.object.Get(name); !ok {
		f.faults.add(name, m2m.Missing, "is required")
	}
}

// isNull tells whether the field is there and null.
func (f *fields) isNull(name string) bool {
	v, ok := f.object.Get(name)
	return ok && v.IsNull()
}

// value gives a field that is there and not null.
func (f *fields) value(name string, onNull null) (strictjson.Value, bool) {
	v, ok := f.object.Get(name)
	if ok && v.IsNull() {
		if onNull == nullIsFault {
			f.faults.add(name, m2m.IsNil, "must not be null")
		}
		return nil, false
	}
	return v, ok
}

// text gives a string, or nil. No database can hold a NUL in a text, so there is none in any.
func (f *fields) text(name string, onNull null) *string {
	v, ok := f.value(name, onNull)
	if !ok {
		return nil
	}
	s, ok := v.String()
	if !ok {
		f.faults.add(name, m2m.WrongType, "must be a string")
		return nil
	}
	if strings.IndexByte(s, 0) >= 0 {
		f.faults.add(name, m2m.WrongFormat, "must not hold a NUL character")
		return nil
	}
	return &s
}

// texts gives an array of strings.
func (f *fields) texts(name string, onNull null) []string {
	v, ok := f.value(name, onNull)
	if !ok {
		return nil
	}
	const manyCommas = 1 << 16 // no array that passes any limit of ours has as many; it is not worth the memory to count on
	var elements []strictjson.Value
	if ok = bytes.Count(v, []byte{','}) < manyCommas; ok {
		elements, ok = v.Array()
	}
	out := make([]string, 0, len(elements))
	for _, e := range elements {
		s, isString := e.String()
		ok = ok && isString
		out = append(out, s)
	}
	if !ok {
		f.faults.add(name, m2m.WrongType, "must be an array of strings")
		return nil
	}
	return out
}

// integer gives a whole number within bounds, or nil.
func (f *fields) integer(name string, onNull null, least, most int64) *int64 {
	v, ok := f.value(name, onNull)
	if !ok {
		return nil
	}
	n, ok := v.Int()
	if !ok {
		f.faults.add(name, m2m.WrongType, "must be an integer")
		return nil
	}
	if n < least || n > most {
		f.faults.add(name, m2m.WrongValue, fmt.Sprintf("must be from %d to %d", least, most))
		return nil
	}
	return &n
}

// flag gives a truth value; absent is false.
func (f *fields) flag(name string, onNull null) bool {
	v, ok := f.value(name, onNull)
	if !ok {
		return false
	}
	b, ok := v.Bool()
	if !ok {
		f.faults.add(name, m2m.WrongType, "must be true or false")
	}
	return b
}

// number gives any finite number, or nil.
func (f *fields) number(name string, onNull null) *float64 {
	v, ok := f.value(name, onNull)
	if !ok {
		return nil
	}
	n, ok := v.Float()
	if !ok {
		f.faults.add(name, m2m.WrongType, "must be a number within the range of a double")
		return nil
	}
	return &n
}

// objectText gives an object as text, which is part of the body.
func (f *fields) objectText(name string, onNull null) []byte {
	v, ok := f.value(name, onNull)
	if !ok {
		return nil
	}
	if !v.IsObject() {
		f.faults.add(name, m2m.WrongType, "must be an object or null")
		return nil
	}
	return v
}

// format gives a token format, or the empty one when there is none.
func (f *fields) format(name string, onNull null) m2m.Format {
	s := f.text(name, onNull)
	if s == nil {
		return ""
	}
	format, ok := m2m.ParseFormat(*s)
	if !ok {
		f.faults.add(name, m2m.WrongValue, `must be "opaque" or "jwt"`)
	}
	return format
}
