package httpapi

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dualmint/dualmint/internal/m2m"
)

const maxParamLength = 255

// params reads the query string from allow-lists (R19) and collects what is wrong. Parameters that a call does not know are ignored,
// because SDKs may send more; one that it knows must stand once.
type params struct {
	values url.Values
	faults faults
}

func (x *exchange) params() (*params, error) {
	values, err := url.ParseQuery(x.c.Request.URL.RawQuery)
	if err != nil {
		return nil, errQuery // its text would repeat what was sent
	}
	return &params{values: values}, nil
}

func (p *params) err() error { return p.faults.err() }

// text gives a parameter, or the empty string.
func (p *params) text(name string) string {
	list := p.values[name]
	if len(list) == 0 {
		return ""
	}
	s := list[0]
	switch {
	case len(list) > 1:
		p.faults.add(name, m2m.WrongValue, "must be given once")
	case !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0:
		p.faults.add(name, m2m.WrongFormat, "must be UTF-8 text without a NUL character")
	case utf8.RuneCountInString(s) > maxParamLength:
		p.faults.add(name, m2m.TooLong, fmt.Sprintf("must have at most %d characters", maxParamLength))
	default:
		return s
	}
	return ""
}

// id gives a parameter that names something. What is too long for any id is cut: it names nothing, like every unknown one (R2).
func (p *params) id(name string) string {
	if list := p.values[name]; len(list) == 1 && len(list[0]) > maxParamLength {
		p.values[name] = []string{strings.ToValidUTF8(list[0][:maxParamLength], "")}
	}
	return p.text(name)
}

// integer gives a whole number within bounds.
func (p *params) integer(name string, byDefault, least, most int64) int64 {
	if len(p.values[name]) == 0 {
		return byDefault
	}
	before := len(p.faults)
	s := p.text(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if len(p.faults) > before {
		return byDefault
	}
	if err != nil || s[0] == '+' || n < least || n > most {
		p.faults.add(name, m2m.WrongValue, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return byDefault
	}
	return n
}

// flag gives a truth value; absent is false.
func (p *params) flag(name string) bool {
	if len(p.values[name]) == 0 {
		return false
	}
	before := len(p.faults)
	s := p.text(name)
	if len(p.faults) == before && s != "true" && s != "false" {
		p.faults.add(name, m2m.WrongValue, "must be true or false")
	}
	return s == "true"
}
