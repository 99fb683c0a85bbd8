package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// What can be wrong with a text. ErrDuplicate and ErrTooDeep are also ErrSyntax.
var (
	ErrSyntax    = errors.New("not one strict JSON object")
	ErrDuplicate = fmt.Errorf("%w: a name stands twice in one object", ErrSyntax)
	ErrTooDeep   = fmt.Errorf("%w: nested too deeply", ErrSyntax)
)

// Value is one JSON value as text, of which Parse has seen that it is strict.
type Value []byte

// Member is one name and its value.
type Member struct {
	Name  string
	Value Value
}

// Object is a JSON object in the order of its text. Values alias the parsed bytes.
type Object []Member

// Get finds the member of exactly this name.
func (o Object) Get(name string) (Value, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Parse reads exactly one object. maxDepth counts the object itself: {} is 1 deep.
func Parse(data []byte, maxDepth int) (Object, error) {
	if deeperThan(data, maxDepth) {
		return nil, ErrTooDeep
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil, ErrSyntax
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	out := make(Object, 0, 8)
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return nil, syntax(err)
		}
		m := Member{Name: name.String()}
		v, err := d.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		end := int(d.InputOffset())
		m.Value = Value(data[end-len(v) : end : end])
		out = append(out, m)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, ErrSyntax
	}
	return out, nil
}

func syntax(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return ErrDuplicate
	}
	return ErrSyntax
}

// deeperThan counts brackets outside strings. It is exact for valid JSON; the rest is refused later anyway.
func deeperThan(data []byte, limit int) bool {
	depth, inString, escaped := 0, false, false
	for _, c := range data {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
