package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Fault is one thing that is wrong with one setting. Message never holds the value of a secret.
type Fault struct {
	Name    string
	Message string
}

// SettingsError is everything that is wrong with the settings.
type SettingsError []Fault

// Error lists the faults by name, one a line.
func (f SettingsError) Error() string {
	var b strings.Builder
	b.WriteString("the settings do not hold:")
	for _, fault := range slices.SortedStableFunc(slices.Values(f), func(a, b Fault) int { return strings.Compare(a.Name, b.Name) }) {
		b.WriteString("\n  " + fault.Name + " " + fault.Message)
	}
	return b.String()
}

// and adds the faults of settings that have none yet: what was not read is not judged.
func (f SettingsError) and(more SettingsError) SettingsError {
	out := slices.Clone(f)
	for _, fault := range more {
		if !slices.ContainsFunc(f, func(had Fault) bool { return had.Name == fault.Name }) {
			out = append(out, fault)
		}
	}
	return out
}

func (f SettingsError) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// about keeps the faults of these settings, and those of no setting: behind a name that is misspelt, or a .env file that cannot be
// read, any setting may be hidden.
func (f SettingsError) about(names ...string) SettingsError {
	fields := Fields()
	return slices.DeleteFunc(f, func(fault Fault) bool {
		setting := slices.ContainsFunc(fields, func(x Field) bool { return x.Name == fault.Name })
		return setting && !slices.Contains(names, strings.TrimPrefix(fault.Name, Prefix))
	})
}

// parseFaults turns the parser's errors, which name struct fields, into faults that name settings.
func parseFaults(err error) SettingsError {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return SettingsError{{Prefix + "*", err.Error()}}
	}
	var out SettingsError
	for _, e := range all.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			out = append(out, Fault{Prefix + "*", e.Error()})
			continue
		}
		out = append(out, Fault{nameOf(parse.Name), sentence(parse.Err)})
	}
	return out
}

// sentence words the standard library's number errors for people.
func sentence(err error) string {
	if strings.HasPrefix(err.Error(), "strconv.") {
		return "must be a number"
	}
	return err.Error()
}

func nameOf(field string) string {
	f, ok := reflect.TypeFor[Config]().FieldByName(field)
	if !ok {
		return Prefix + field
	}
	return Prefix + f.Tag.Get("env")
}
