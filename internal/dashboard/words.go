package dashboard

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dualmint/dualmint/internal/m2m"
)

// templateFuncs are the words that templates have beside Go's own.
func templateFuncs(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"day":      func(t time.Time) string { return t.UTC().Format("2006-01-02") },
		"moment":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"minute":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"distance": func(t time.Time) string { return distance(t, now()) },
		"number":   number[int],
		"number64": number[int64],
		"plural":   plural,
		"format":   formatName,
		"lifetime": lifetimeOf,
		"closed":   closed,
		"listed":   listed,
		"inline":   inline,
		"root":     func() string { return Root },
	}
}

// closed makes a name one that a bdi element holds: it opens no isolate that it does not close, closes none that it did not open, and has
// no end of a paragraph, at which browsers end every isolate (UAX 9).
func closed(name string) string {
	const paragraph, firstIsolate, lastIsolate, pop = '\u2029', '\u2066', '\u2068', '\u2069'
	open := 0
	out := strings.Map(func(r rune) rune {
		switch {
		case r == paragraph:
			return ' '
		case r >= firstIsolate && r <= lastIsolate:
			open++
		case r == pop && open == 0:
			return -1
		case r == pop:
			open--
		}
		return r
	}, name)
	return out + strings.Repeat(string(pop), open)
}

// How much of a name stands where there may be hundreds of names: the page stays small, whatever they are called. What tells one name from
// another is often at its end.
const (
	firstInList = 24
	lastInList  = 11
)

// listed is a name in a list.
func listed(name string) string {
	if shorten(name, firstInList+lastInList+1) == name {
		return name
	}
	end := []rune(name)
	return shorten(name, firstInList) + string(end[len(end)-lastInList:])
}

// firstLetters cuts a text that is longer than so many letters.
func firstLetters(text string, most int) string {
	for i := range text {
		if most == 0 {
			return text[:i]
		}
		most--
	}
	return text
}

// inline is text that names stand in where there are no elements to hold them: without characters that change the direction of others.
func inline(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) || r == '\u2029' {
			return -1
		}
		return r
	}, text)
}

// distance says how far a time is from now: "3 minutes ago", "in 2 hours".
func distance(t, now time.Time) string {
	d := t.Sub(now)
	text := span(d.Abs())
	switch {
	case text == "":
		return "just now"
	case d < 0:
		return text + " ago"
	default:
		return "in " + text
	}
}

// span says a length of time in its largest unit, or nothing for less than a second.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{365 * 24 * time.Hour, "year"}, {24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / u.unit); n > 0 {
			return plural(n, u.name)
		}
	}
	return ""
}

// plural is "1 machine", "2 machines", "1,000 machines".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// number writes thousands with commas.
func number[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func formatName(f m2m.Format) string {
	switch f {
	case m2m.Opaque:
		return "Opaque"
	case m2m.JWT:
		return "JWT"
	default:
		return "unknown"
	}
}

// lifetimeOf says the default lifetime of a machine's tokens exactly: "1 hour", "1 day 2 hours 5 seconds".
func lifetimeOf(m m2m.Machine) string {
	if m.Endless {
		return "no end"
	}
	return exactly(m.DefaultTTL)
}

func exactly(d time.Duration) string {
	var out []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / u.unit); n > 0 {
			d -= time.Duration(n) * u.unit
			out = append(out, plural(n, u.name))
		}
	}
	if len(out) == 0 {
		return "0 seconds"
	}
	return strings.Join(out, " ")
}
