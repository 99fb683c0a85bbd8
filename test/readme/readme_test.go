package readme

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

const written = "http://127.0.0.1:8080"

// blocks gives the fenced blocks of one language in the order of the README.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(text, -1) {
		out = append(out, string(m[1]))
	}
	if len(out) == 0 {
		t.Fatalf("the README has no %s block", language)
	}
	return out
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// folder is a working directory with bin/dualmint in it, as a reader has it after make run.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv(harness.BinaryVariable), filepath.Join(dir, "bin", "dualmint")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// environment is that of a reader, who has none of our settings.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "DUALMINT_") })
}

// What stands in the README works as pasted, from the first line to the last.
func TestShellBlocksWorkAsPasted(t *testing.T) {
	s := harness.New(t, harness.SQLite(t)).Start(t)
	script := strings.ReplaceAll(strings.Join(blocks(t, "sh"), "\n"), written, s.Base)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = folder(t)
	cmd.Env = append(environment(), "DUALMINT_URL="+s.Base, "DUALMINT_SECRET_KEY="+s.InstanceKey)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"order":42`, `"order":43`, `"kty":"OKP"`, "machine.create", "no such token that this caller may use", "exit code 3", `"active":true`, `{"active":false}`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %q in what it printed:\n%s", want, out)
		}
	}
}

func TestJavaScriptBlocksWorkAsPasted(t *testing.T) {
	s := harness.New(t, harness.SQLite(t)).Start(t)
	a := s.NewMachine(t, "A")
	script := strings.ReplaceAll(strings.Join(blocks(t, "js"), "\n"), written, s.Base)
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", script)
	cmd.Dir = filepath.Join(root(t), "test", "sdk")
	cmd.Env = append(os.Environ(), "A_SECRET="+a.SecretKey)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("mt_")) {
		t.Fatalf("%v (make test installs the packages)\n%s", err, out)
	}
}
