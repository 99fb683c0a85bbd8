package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Load reads the settings of a server from environ (as os.Environ gives it) and from dir/.env, where the environment wins.
// Relative paths among them mean dir. The error is SettingsError: all of them. Nothing is written; EnsureKeys does that.
func Load(environ []string, dir string) (Config, error) {
	c, faults := read(environ, dir)
	return c, faults.and(c.check()).orNil()
}

// LoadDatabase reads the settings and faults only those that speaking to the database needs, for work on the schema.
func LoadDatabase(environ []string, dir string) (Config, error) {
	c, faults := read(environ, dir)
	return c, faults.and(c.check()).about("DATABASE_URL", "DATABASE_URL_FILE", "DATABASE_CONNS", "LOG_LEVEL", "LOG_FORMAT").orNil()
}

// read parses without judging.
func read(environ []string, dir string) (Config, SettingsError) {
	var c Config
	values, faults := merge(env.ToMap(environ), filepath.Join(dir, dotEnv))
	faults = append(faults, unknown(values)...)
	err := env.ParseWithOptions(&c, env.Options{Environment: values, Prefix: Prefix, FuncMap: parsers()})
	faults = append(faults, parseFaults(err)...)
	faults = append(faults, c.readFiles(dir, values)...)
	if path, ok := c.SQLitePath(); ok && path != "" {
		c.DatabaseURL = sqliteScheme + textOf(inDir(dir, path))
	}
	return c, faults
}

// merge adds the lines of the .env file that the environment does not set. A variable set to nothing counts as not set, so
// that a compose file may pass names through.
func merge(environ map[string]string, file string) (map[string]string, SettingsError) {
	lines, faults := readLines(file)
	out := map[string]string{}
	for _, source := range []map[string]string{lines, environ} {
		for name, value := range source {
			if strings.HasPrefix(name, Prefix) && value != "" {
				out[name] = value
			}
		}
	}
	return out, faults
}

// parsers read the types that have no reader of their own, with sentences for people.
func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[m2m.ScopeRule](): func(v string) (any, error) {
			var r m2m.ScopeRule
			err := choose(v, map[string]m2m.ScopeRule{"live": m2m.Live, "snapshot": m2m.Snapshot}, &r, "live or snapshot")
			return r, err
		},
		reflect.TypeFor[time.Duration](): func(v string) (any, error) {
			d, err := time.ParseDuration(v)
			if err != nil {
				return nil, errors.New("must be a duration such as 90s, 10m or 24h")
			}
			return d, nil
		},
	}
}

// choose sets to to the choice of this name.
func choose[T any](name string, choices map[string]T, to *T, sentence string) error {
	v, ok := choices[name]
	if !ok {
		return fmt.Errorf("must be %s", sentence)
	}
	*to = v
	return nil
}
