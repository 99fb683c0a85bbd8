package gateways

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// page is a configuration out of docs/integrate: the one block that begins with a comment naming this file. Pairs of texts are filled in,
// old and new; each old one must stand there, or the page has changed under the test.
func page(t *testing.T, name, file string, fill ...string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "integrate", name))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^```\\w+\n((?:#|--|//) "+regexp.QuoteMeta(file)+`\b.*?)^`+"```$").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks for %s", name, len(found), file)
	}
	block := string(found[0][1])
	for i := 0; i < len(fill); i += 2 {
		if !strings.Contains(block, fill[i]) {
			t.Fatalf("%s: %s has no %q any more", name, file, fill[i])
		}
		block = strings.ReplaceAll(block, fill[i], fill[i+1])
	}
	return block
}

// write puts a text into a file of the directory and gives its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
