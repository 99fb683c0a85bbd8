package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/config"
)

var update = flag.Bool("update", false, "rewrite .env.example and the README's table from the code")

const (
	exampleFile = "../../.env.example"
	readmeFile  = "../../README.md"
	tableBegin  = "<!-- settings: go test ./internal/config -update -->\n"
	tableEnd    = "<!-- /settings -->\n"
)

func TestEveryFieldIsDocumented(t *testing.T) {
	for _, f := range config.Fields() {
		if f.Name == config.Prefix || f.Doc == "" || f.Shown == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestEnvExampleListsEverySetting(t *testing.T) {
	golden(t, exampleFile, example())
}

// The table stands between two marks, so that the rest of the README is free.
func TestReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md has no %s...%s", tableBegin, tableEnd)
	}
	golden(t, readmeFile, before+tableBegin+table()+tableEnd+after)
}

// What the example says is what holds without it.
func TestEnvExampleChangesNothing(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/.env", text, 0o600); err != nil {
		t.Fatal(err)
	}
	plain, err1 := config.Load(nil, dir)
	uncommented := strings.ReplaceAll(string(text), "\n#DUALMINT", "\nDUALMINT")
	if err := os.WriteFile(dir+"/.env", []byte(uncommented), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err2 := config.Load(nil, dir)
	if err1 != nil || err2 != nil {
		t.Fatalf("%v, %v", err1, err2)
	}
	if plain.DatabaseURL != set.DatabaseURL || plain.Addr != set.Addr || plain.JWTMaxTTL != set.JWTMaxTTL || plain.Prices != set.Prices {
		t.Errorf("%+v\n%+v", plain, set)
	}
}

func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says; go test ./internal/config -update writes it", path)
	}
}

func example() string {
	var b strings.Builder
	b.WriteString("# Every setting with its default. Copy to .env and take away the # where you want another value; the environment wins over .env.\n" +
		"# A variable that is set to nothing counts as not set: NAME= in the environment does not win over a value here.\n" +
		"# Values with a $ or a # stand in single quotes.\n")
	for _, f := range config.Fields() {
		b.WriteString("\n# " + f.Doc)
		if f.Default == "" {
			b.WriteString(" (default: " + f.Shown + ")")
		}
		value := f.Default
		if strings.ContainsAny(value, " ;") {
			value = "'" + value + "'"
		}
		b.WriteString("\n#" + f.Name + "=" + value + "\n")
	}
	return b.String()
}

func table() string {
	var b strings.Builder
	b.WriteString("| name | default | meaning |\n|---|---|---|\n")
	for _, f := range config.Fields() {
		shown := f.Shown
		if f.Default != "" {
			shown = "`" + f.Default + "`"
		}
		b.WriteString("| `" + f.Name + "` | " + shown + " | " + strings.ReplaceAll(f.Doc, "|", "\\|") + " |\n")
	}
	return b.String()
}
