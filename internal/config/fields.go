package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dualmint/dualmint/internal/secret"
)

// Field describes one setting, for the documents and for the test that keeps them true.
type Field struct {
	Name    string
	Default string // the value, or empty
	Shown   string // what a table says: the value, or the rule that makes it
	Doc     string
	Secret  bool
}

// Fields lists every setting in the order of Config.
func Fields() []Field {
	var out []Field
	for f := range reflect.TypeFor[Config]().Fields() {
		d := Field{
			Name:    Prefix + f.Tag.Get("env"),
			Default: f.Tag.Get("envDefault"),
			Shown:   f.Tag.Get("shown"),
			Doc:     f.Tag.Get("doc"),
			Secret:  f.Type == reflect.TypeFor[secret.Text](),
		}
		if d.Shown == "" {
			d.Shown = d.Default
		}
		out = append(out, d)
	}
	return out
}

// unknown faults the variables that carry our prefix and are no setting: they are typing errors. Kubernetes gives every pod
// variables of the same look for each service of its namespace (DUALMINT_SERVICE_HOST, DUALMINT_PORT_8080_TCP, ...); those pass.
func unknown(values map[string]string) SettingsError {
	kubernetes := regexp.MustCompile(`^DUALMINT_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	fields := Fields()
	var out SettingsError
	for name := range values {
		known := slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
		if known || kubernetes.MatchString(name) {
			continue
		}
		message := "is no setting"
		if near := nearest(name, fields); near != "" {
			message += "; did you mean " + near + "?"
		}
		out = append(out, Fault{name, message})
	}
	return out
}

// nearest is the setting that a few typing errors lead to: at most three, and at most one in three characters.
func nearest(name string, fields []Field) string {
	typed := strings.TrimPrefix(strings.ToUpper(name), Prefix)
	best, found := min(3, max(1, len(typed)/3))+1, ""
	for _, f := range fields {
		if d := distance(typed, strings.TrimPrefix(f.Name, Prefix)); d < best {
			best, found = d, f.Name
		}
	}
	return found
}

// distance is Levenshtein's: how many characters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
