package httpapi

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	formType  = "application/x-www-form-urlencoded"
	maxParams = 512
	manifold  = "resource" // the one parameter that may stand more than once (RFC 8707 section 2)
)

// form is the parameters of a request to the OAuth endpoints. One without a value is as if it were not there, and one that nobody knows
// is ignored (RFC 6749 section 3.2).
type form map[string][]string

// one gives the value of a parameter, or nothing.
func (f form) one(name string) string {
	if len(f[name]) == 0 {
		return ""
	}
	return f[name][0]
}

// form reads the parameters from the body. Those of the URL are refused: a URL ends up in logs (R6).
func (x *exchange) form(limit int64) (form, error) {
	if x.c.Request.URL.RawQuery != "" {
		return nil, invalidRequest("parameters belong into the body")
	}
	var buffer bytes.Buffer
	isForm := func(contentType string) bool { return isMedia(contentType, formType) }
	if err := readTyped(&buffer, x.c.Request, limit, isForm); err != nil {
		return nil, err
	}
	return parseForm(buffer.String())
}

// parseForm is strict: a second value, broken escapes or text that is no text are not guessed at.
func parseForm(text string) (form, error) {
	f := form{}
	seen := map[string]bool{}
	if strings.Count(text, "&") >= maxParams {
		return nil, invalidRequest("too many parameters")
	}
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		left, right, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(left)
		value, valueErr := url.QueryUnescape(right)
		if nameErr != nil || valueErr != nil || strings.Contains(pair, ";") || !isFormText(name) || !isFormText(value) {
			return nil, invalidRequest("the form cannot be decoded")
		}
		if seen[name] && name != manifold {
			return nil, invalidRequest("a parameter stands twice")
		}
		seen[name] = true
		if value != "" {
			f[name] = append(f[name], value)
		}
	}
	return f, nil
}

func isFormText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
