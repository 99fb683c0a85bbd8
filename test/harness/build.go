package harness

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BinaryVariable names the environment variable that points at a binary built beforehand.
const BinaryVariable = "DUALMINT_TEST_BINARY"

const program = "github.com/dualmint/dualmint/cmd/dualmint"

// Run is the TestMain of a black-box package: it builds the binary unless BinaryVariable names one, runs the tests, and
// takes the binary away again.
func Run(m *testing.M) int {
	if err := watchSources(); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	if os.Getenv(BinaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "dualmint-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "dualmint")
	build := exec.CommandContext(context.Background(), "go", "build", "-tags", "nomsgpack", "-o", binary, program) //nolint:gosec // G204: our own program
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "harness: build %s: %v\n%s", program, err, out)
		return 1
	}
	if err := os.Setenv(BinaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	return m.Run()
}

// Root is the directory of go.mod, found upwards from the working directory of the test.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("find the module: no go.mod above the working directory")
		}
		dir = up
	}
}

// watchSources looks at every source of the server. The go command remembers which files a test looked at, and would
// otherwise answer from its cache after the server had changed: it cannot see what a build inside a test reads.
func watchSources() error {
	root, err := Root()
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return fmt.Errorf("look at the sources: %w", err)
		}
	}
	return nil
}
