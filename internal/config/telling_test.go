package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/config"
)

// faults gives the messages of what is wrong with the settings, by name.
func faults(t *testing.T, dir string, environ ...string) map[string][]string {
	t.Helper()
	_, err := config.Load(environ, dir)
	return messages(err)
}

func messages(err error) map[string][]string {
	var list config.SettingsError
	errors.As(err, &list)
	out := map[string][]string{}
	for _, f := range list {
		out[f.Name] = append(out[f.Name], f.Message)
	}
	return out
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenLinesOfDotEnvAreToldByNumberAndTheRestIsChecked(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".env"), "# a comment\nDUALMINT_WRITERS=9\nhunter2 hunter2\nDUALMINT_PRICES='create=1\n  verify=1'\nDUALMINT_SECRET_KEY='hunter2\n\nDUALMINT_LOG_LEVEL=loud\nhunter2", 0o600)
	got := faults(t, dir)
	if want := []string{"line 3 is not NAME=value", "line 6 is not NAME=value", "line 9 is not NAME=value"}; !slices.Equal(got[".env"], want) {
		t.Errorf("%q, want %q", got[".env"], want)
	}
	if len(got["DUALMINT_WRITERS"]) != 1 || len(got["DUALMINT_LOG_LEVEL"]) != 1 {
		t.Errorf("the other lines are not checked: %q", got)
	}
}

func TestEachSettingIsFaultedOnceAndInWords(t *testing.T) {
	for _, c := range []struct{ setting, name, want string }{
		{"DUALMINT_JWT_MAX_TTL=1d", "DUALMINT_JWT_MAX_TTL", "must be a duration such as 90s, 10m or 24h"},
		{"DUALMINT_LOG_LEVEL=loud", "DUALMINT_LOG_LEVEL", "must be debug, info, warn or error"},
		{"DUALMINT_DATABASE_URL=data/x.db", "DUALMINT_DATABASE_URL", "must be sqlite:PATH or postgres://..."},
		{"DUALMINT_FOO=1", "DUALMINT_FOO", "is no setting"},
		{"DUALMINT_ADR=1", "DUALMINT_ADR", "is no setting; did you mean DUALMINT_ADDR?"},
	} {
		got := faults(t, t.TempDir(), c.setting)
		if len(got) != 1 || !slices.Equal(got[c.name], []string{c.want}) {
			t.Errorf("%s: %q, want %q alone", c.setting, got, c.want)
		}
	}
}

// R61
func TestPasswordsInURLsAreExplainedAndNotShown(t *testing.T) {
	for _, url := range []string{"postgres://u:hunter2%zz@db/x", "postgres://u:hunter2#1@db/x", "postgres://u:12#hunter2@db/x"} {
		got := faults(t, t.TempDir(), "DUALMINT_DATABASE_URL="+url)["DUALMINT_DATABASE_URL"]
		if len(got) != 1 || !strings.Contains(got[0], "# is %23") || strings.Contains(got[0], "hunter2") {
			t.Errorf("%s: %q", url, got)
		}
	}
}

func TestDatabaseURLMayComeFromAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "url"), "postgres://u:hunter2@db/x\n", 0o600)
	c, err := config.LoadDatabase([]string{"DUALMINT_DATABASE_URL_FILE=url"}, dir)
	if err != nil || c.DatabaseURL.Reveal() != "postgres://u:hunter2@db/x" {
		t.Errorf("%v", err)
	}
	got := faults(t, dir, "DUALMINT_DATABASE_URL_FILE=url", "DUALMINT_DATABASE_URL=sqlite:x")["DUALMINT_DATABASE_URL_FILE"]
	if len(got) != 1 || !strings.Contains(got[0], "set one of them") {
		t.Errorf("both: %q", got)
	}
	// In doubt there is no database, rather than the default one.
	c, err = config.LoadDatabase([]string{"DUALMINT_DATABASE_URL_FILE=gone"}, dir)
	if got := messages(err); len(got) != 1 || len(got["DUALMINT_DATABASE_URL_FILE"]) != 1 || c.DatabaseURL != "" {
		t.Errorf("no file: %q", got)
	}
}

// A path that is mistyped is no first start.
func TestOnlyTheLastDirectoryIsMade(t *testing.T) {
	dir := t.TempDir()
	_, _, err := ensured(t, dir, "DUALMINT_DATABASE_URL=sqlite:nope/deeper/x.db")
	if got := messages(err)["DUALMINT_DATABASE_URL"]; len(got) != 1 || !strings.Contains(got[0], "there is no "+filepath.Join(dir, "nope")) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "nope")); err == nil {
		t.Error("it was made")
	}
	_, _, err = ensured(t, dir, "DUALMINT_DATABASE_URL=sqlite:"+dir)
	if got := messages(err)["DUALMINT_DATABASE_URL"]; len(got) != 1 || !strings.Contains(got[0], "names a directory") {
		t.Errorf("%v", err)
	}
}

func TestSecretsThatOthersCanReadAreNamed(t *testing.T) {
	dir := t.TempDir()
	loose, kept := filepath.Join(dir, "loose"), filepath.Join(dir, "kept")
	write(t, loose, masterKey, 0o644)
	write(t, kept, secretKey, 0o600)
	c, err := config.Load([]string{"DUALMINT_MASTER_KEY_FILE=loose", "DUALMINT_SECRET_KEY_FILE=" + kept}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.LooseFiles(); !slices.Equal(got, []string{loose}) {
		t.Errorf("%q", got)
	}
	c, _, err = ensured(t, dir)
	if err != nil || len(c.LooseFiles()) > 0 {
		t.Errorf("our own: %q, %v", c.LooseFiles(), err)
	}
	write(t, filepath.Join(dir, "data", "dualmint.db.secret-key"), secretKey, 0o640)
	if got := c.LooseFiles(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// Another user's instance: its key file is there, and that is what the command line says.
func TestKeyFileThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	dir := t.TempDir()
	c, err := config.LoadClient(nil, dir)
	if err != nil || c.NoSecretKey != nil {
		t.Errorf("no instance: %v, %v", err, c.NoSecretKey)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data", "dualmint.db.secret-key"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err = config.LoadClient(nil, dir)
	if err != nil || c.NoSecretKey == nil || c.SecretKey != "" {
		t.Errorf("a key that cannot be read: %v, %v", err, c.NoSecretKey)
	}
}
