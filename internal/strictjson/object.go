package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

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
	if !jsontext.Value(data).IsValid() {
		return nil, fault(data)
	}
	o, ok := Value(data[skipSpace(data, 0):]).Object()
	if !ok {
		return nil, ErrSyntax
	}
	return o, nil
}

// Object gives the members of a JSON object, in the order of its text.
func (v Value) Object() (Object, bool) {
	if !v.IsObject() {
		return nil, false
	}
	out := make(Object, 0, min(bytes.Count(v, []byte{':'}), 12))
	var textRoom [256]byte
	var endRoom [12]int
	text, ends, err := textRoom[:0], endRoom[:0], error(nil)
	for name, value := range v.members() {
		if written := v[name.begin:name.end]; bytes.IndexByte(written, '\\') < 0 {
			text = append(text, written...)
		} else if text, err = jsontext.AppendUnquote(text, v[name.begin-1:name.end+1]); err != nil {
			return nil, false
		}
		ends = append(ends, len(text))
		out = append(out, Member{Value: value})
	}
	names := string(text) // one allocation for all of them, and nothing kept of the values
	begin := 0
	for i, end := range ends {
		out[i].Name, begin = names[begin:end], end
	}
	return out, true
}

// Members goes over a JSON object without keeping anything. A name is given as it is written, between its quotes: one with an escape in
// it is not the name that it stands for.
func (v Value) Members() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		for name, value := range v.members() {
			if !yield(v[name.begin:name.end], value) {
				return
			}
		}
	}
}

// span is a part of a text.
type span struct{ begin, end int }

// members finds the names, without their quotes, and the values of an object.
func (v Value) members() iter.Seq2[span, Value] {
	return func(yield func(span, Value) bool) {
		if !v.IsObject() {
			return
		}
		for i := skipSpace(v, 1); v[i] != '}'; i = skipSpace(v, i) {
			if v[i] == ',' {
				i = skipSpace(v, i+1)
			}
			end := endOfValue(v, i)
			name := span{i + 1, end - 1}
			begin := skipSpace(v, skipSpace(v, end)+1) // past the colon
			i = endOfValue(v, begin)
			if !yield(name, v[begin:i:i]) {
				return
			}
		}
	}
}

// fault finds out what is wrong with a text that is not valid.
func fault(data []byte) error {
	_, err := jsontext.NewDecoder(bytes.NewBuffer(data)).ReadValue()
	return syntax(err)
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
