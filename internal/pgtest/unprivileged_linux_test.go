package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Root finds one of two ways to be somebody else, and in both the server's directory is its own.
func TestRootIsSomebodyElseWithAndWithoutNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		attr, err := unprivileged(t.TempDir())
		if err != nil || attr.Cloneflags != 0 || attr.Credential != nil {
			t.Errorf("an ordinary user becomes %+v, %v", attr, err)
		}
		return
	}
	dir, err := os.MkdirTemp(shortTempDir(), "pgtest-") //nolint:usetesting // nobody cannot look into the folder of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, passwordFile), []byte("p"), 0o600); err != nil {
		t.Fatal(err)
	}
	attr, err := asNobody(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "id -u && cat password && mkdir data")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "65534\np") {
		t.Errorf("nobody says %q, %v", out, err)
	}
}
