package dashboard

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
)

// maxForm bounds the body of a form: 150 scopes, a claims object of 4 KiB and a token of 8 KiB fit with room to spare (R53).
const maxForm = 64 << 10

// form is what a page of ours sent. Faults are by the name of the field that they stand beside.
type form struct {
	values url.Values
	faults map[string]string
}

// form reads the body as a form with these fields and no others (R13). Text that no database can hold is refused whole (R56).
func (x *exchange) form(names ...string) (*form, error) {
	r := x.c.Request
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errContentType
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.c.Writer, r.Body, maxForm))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, errFormTooBig
	}
	if err != nil {
		return nil, errForm
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errForm
	}
	for name, list := range values {
		if !slices.Contains(names, name) || slices.ContainsFunc(list, notText) {
			return nil, errForm
		}
	}
	return &form{values: values, faults: map[string]string{}}, nil
}

func notText(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

// text gives the one value of a field, without the spaces around it.
func (f *form) text(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// has tells whether a field, or the button of that name, was sent.
func (f *form) has(name string) bool { return f.values.Has(name) }

// all gives every value of a field that may stand there many times, each once.
func (f *form) all(name string) []string {
	out := slices.Clone(f.values[name])
	slices.Sort(out)
	return slices.Compact(out)
}

// fault notes what is wrong with a field; the first fault of a field stays.
func (f *form) fault(name, message string) {
	if f.faults[name] == "" {
		f.faults[name] = message
	}
}

// take notes an input fault of a service beside the field that it is about. It gives any other error back. fields translates the names
// of the wire into those of the form.
func (f *form) take(err error, fields map[string]string) error {
	fault, ok := errors.AsType[*m2m.FieldError](err)
	if !ok {
		return err
	}
	name, known := fields[fault.Field]
	if !known {
		return err
	}
	f.fault(name, f.said(fault))
	return nil
}

// emptyForm is that of a page which nobody has sent yet.
func emptyForm() *form { return &form{values: url.Values{}, faults: map[string]string{}} }
