package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dualmint/dualmint/internal/secret"
)

const (
	sqliteScheme    = "sqlite:"
	masterKeySuffix = ".master-key"
	secretKeySuffix = ".secret-key"
	maxKeyFile      = 64 << 10
)

// SQLitePath is the file of the embedded database; false: the database is not embedded.
func (c *Config) SQLitePath() (string, bool) {
	return strings.CutPrefix(c.DatabaseURL.Reveal(), sqliteScheme)
}

// EnsureKeys makes, on a first start with SQLite, the master key and the instance secret key into files of mode 0600 beside
// the database, and reads them on every other start. It gives the paths of the files that it made. A database whose key file
// is gone is never given a new one: that would only hide the loss.
func (c *Config) EnsureKeys() (made []string, err error) {
	path, embedded := c.SQLitePath()
	if !embedded {
		return nil, nil
	}
	if err := makeDirectory(path); err != nil {
		return nil, err
	}
	for _, key := range []struct {
		name   string
		value  *secret.Text
		path   string
		make   func() secret.Text
		advice string
	}{
		{"MASTER_KEY", &c.MasterKey, path + masterKeySuffix, newMasterKey, "what was sealed under it opens with no other"},
		{"SECRET_KEY", &c.SecretKey, path + secretKeySuffix, newSecretKey, "or set " + Prefix + "SECRET_KEY to a new one, which retires the old one"},
	} {
		if *key.value != "" {
			continue
		}
		text, err := readKey(key.path)
		if errors.Is(err, fs.ErrNotExist) {
			if exists(path) {
				return made, SettingsError{{Prefix + key.name, "is not set and " + key.path + " is gone, although " + path + " exists: put it back (" + key.advice + ")"}}
			}
			text = key.make()
			if err = writeKey(key.path, text); err == nil {
				made = append(made, key.path)
			}
		}
		if errors.Is(err, fs.ErrExist) { // another process made it in this moment
			text, err = readKey(key.path)
		}
		if err != nil {
			return made, SettingsError{{Prefix + key.name, err.Error()}}
		}
		*key.value = text
	}
	var f faultList
	c.checkKeys(&f)
	return made, SettingsError(f).orNil()
}

// makeDirectory makes the directory that the database lies in, and no other: a path that is mistyped further up is no first start.
func makeDirectory(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return SettingsError{{Prefix + "DATABASE_URL", "names a directory, where it must name a file: " + path}}
	}
	dir := filepath.Dir(path)
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil || errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return SettingsError{{Prefix + "DATABASE_URL", "names a file in " + dir + ", but there is no " + filepath.Dir(dir) + " to make that in"}}
	default:
		return fmt.Errorf("make the database's directory: %w", err)
	}
}

// LooseFiles are the files with secrets that others than their owner may read.
func (c *Config) LooseFiles() []string {
	paths := []string{c.DatabaseURLFile, c.MasterKeyFile, c.SecretKeyFile, c.MachineSecretKeyFile}
	if path, embedded := c.SQLitePath(); embedded {
		paths = append(paths, path+masterKeySuffix, path+secretKeySuffix)
	}
	var out []string
	for _, path := range paths {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o044 != 0 {
			out = append(out, path)
		}
	}
	return out
}

// readFiles reads the settings that are given as files. Values are the settings as they were given.
func (c *Config) readFiles(dir string, values map[string]string) SettingsError {
	var f faultList
	for _, s := range []struct {
		name  string
		value *secret.Text
		path  *string
	}{
		{"DATABASE_URL", &c.DatabaseURL, &c.DatabaseURLFile},
		{"MASTER_KEY", &c.MasterKey, &c.MasterKeyFile},
		{"SECRET_KEY", &c.SecretKey, &c.SecretKeyFile},
		{"MACHINE_SECRET_KEY", &c.MachineSecretKey, &c.MachineSecretKeyFile},
	} {
		if *s.path == "" {
			continue
		}
		if values[Prefix+s.name] != "" {
			f.add(s.name+"_FILE", "is set beside "+Prefix+s.name+": set one of them")
			continue
		}
		*s.path = inDir(dir, *s.path)
		text, err := readKey(*s.path)
		if err != nil {
			f.add(s.name+"_FILE", err.Error())
		}
		*s.value = text // nothing, in doubt: a default would stand for another database
	}
	return SettingsError(f)
}

// readKey reads a key file without the white space around its content.
func readKey(path string) (secret.Text, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("names a file that cannot be read: %w", err)
	}
	if info.IsDir() || info.Size() > maxKeyFile {
		return "", fmt.Errorf("names no key file: %s", path)
	}
	b, err := os.ReadFile(path) //nolint:gosec // G304: the operator names it
	if err != nil {
		return "", fmt.Errorf("names a file that cannot be read: %w", err)
	}
	text := textOf(strings.TrimSpace(string(b)))
	if text == "" {
		return "", fmt.Errorf("names an empty file: %s", path)
	}
	return text, nil
}

// writeKey writes a key that did not exist before, and returns once it is on the disk. The file appears under its name whole or not
// at all; where another process was first, the error is fs.ErrExist and the file is that process's.
func writeKey(path string, key secret.Text) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(key.Reveal() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("name the key file: %w", err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("open the key file's directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func newMasterKey() secret.Text {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return textOf(base64.StdEncoding.EncodeToString(b[:]))
}

func newSecretKey() secret.Text { return secret.New(secret.InstanceKey) }

func textOf(s string) secret.Text { return secret.Text(s) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
