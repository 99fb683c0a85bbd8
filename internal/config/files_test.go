package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/config"
)

func ensured(t *testing.T, dir string, environ ...string) (config.Config, []string, error) {
	t.Helper()
	c, err := config.Load(environ, dir)
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.EnsureKeys()
	return c, made, err
}

// R9
func TestFirstStartMakesKeysThatOnlyTheOwnerReads(t *testing.T) {
	dir := t.TempDir()
	first, made, err := ensured(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		"data": fs.ModeDir | 0o700, "data/dualmint.db.master-key": 0o600, "data/dualmint.db.secret-key": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
	if len(made) != 2 || first.MasterKey == "" || first.SecretKey == "" {
		t.Errorf("made %v", made)
	}
	second, made, err := ensured(t, dir)
	if err != nil || len(made) != 0 {
		t.Errorf("second start made %v, %v", made, err)
	}
	if second.MasterKey != first.MasterKey || second.SecretKey != first.SecretKey {
		t.Error("the second start has other keys")
	}
}

// R9: a new master key beside old data would only hide that the old one is lost.
func TestLostKeyFileIsNotReplaced(t *testing.T) {
	for _, suffix := range []string{".master-key", ".secret-key"} {
		dir := t.TempDir()
		if _, _, err := ensured(t, dir); err != nil {
			t.Fatal(err)
		}
		database := filepath.Join(dir, "data", "dualmint.db")
		if err := os.WriteFile(database, []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(database + suffix); err != nil {
			t.Fatal(err)
		}
		_, _, err := ensured(t, dir)
		if err == nil || !strings.Contains(err.Error(), "put it back") {
			t.Errorf("%s: %v", suffix, err)
		}
		if _, err := os.Stat(database + suffix); err == nil {
			t.Errorf("%s was made anew", suffix)
		}
	}
}

func TestSettingsStandInForKeyFiles(t *testing.T) {
	dir := t.TempDir()
	c, made, err := ensured(t, dir, "DUALMINT_MASTER_KEY="+masterKey, "DUALMINT_SECRET_KEY="+secretKey)
	if err != nil || len(made) != 0 || c.MasterKey.Reveal() != masterKey || c.SecretKey.Reveal() != secretKey {
		t.Errorf("made %v, %v", made, err)
	}
}

func TestBrokenKeyFileIsAFault(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := ensured(t, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "dualmint.db.master-key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ensured(t, dir); err == nil || !strings.Contains(err.Error(), "DUALMINT_MASTER_KEY does not hold") {
		t.Errorf("half a key: %v", err)
	}
}

func TestCommandLineFindsTheLocalKeyButNeverSendsItAway(t *testing.T) {
	dir := t.TempDir()
	made, _, err := ensured(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"": true, "http://127.0.0.1:9": true, "http://localhost:9": true, "http://[::1]:9": true,
		"https://issuer.example": false, "http://127.0.0.1.example": false, "http://10.0.0.1": false,
	} {
		c, err := config.LoadClient([]string{"DUALMINT_URL=" + url}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.SecretKey == made.SecretKey; got != want || !want && c.SecretKey != "" {
			t.Errorf("%q: local key used: %v", url, got)
		}
	}
}

func TestCommandLineSpeaksToTheConfiguredAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:9000": "http://127.0.0.1:9000", ":9000": "http://127.0.0.1:9000", "0.0.0.0:9000": "http://127.0.0.1:9000", "[::]:9": "http://127.0.0.1:9",
	} {
		c, err := config.LoadClient([]string{"DUALMINT_ADDR=" + addr}, t.TempDir())
		if err != nil || c.URL != want {
			t.Errorf("%s: %s, %v", addr, c.URL, err)
		}
	}
	if _, err := config.LoadClient([]string{"DUALMINT_URL=issuer.example"}, t.TempDir()); err == nil {
		t.Error("a URL without a scheme is accepted")
	}
}
