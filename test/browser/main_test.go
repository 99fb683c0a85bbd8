// Package browser drives the dashboard in a real Chromium, with and without scripts: what an operator clicks, what an attacker tries, and
// what the pages look like to people who use a keyboard, a screen reader or a phone.
package browser

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// TestPagesInChromium runs every *.test.mjs beside it with Node's own test runner, each against a server of its own: sign-ins are limited.
func TestPagesInChromium(t *testing.T) {
	node, chromium := tools(t)
	scripts, err := filepath.Glob("*.test.mjs")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts beside this test: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(script, ".test.mjs"), func(t *testing.T) {
			runScript(t, node, chromium, script, harness.SQLite(t))
		})
	}
}

// The story of the reference goes the same way on PostgreSQL.
func TestTheStoryOnPostgres(t *testing.T) {
	node, chromium := tools(t)
	runScript(t, node, chromium, "story.test.mjs", harness.Postgres(t))
}

func runScript(t *testing.T, node, chromium, script, database string) {
	t.Helper()
	s := harness.New(t, database).Start(t)
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", script)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + t.TempDir(),
		"DUALMINT_TEST_URL=" + s.Base,
		"DUALMINT_TEST_INSTANCE_KEY=" + s.InstanceKey,
		"DUALMINT_TEST_CHROMIUM=" + chromium,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
}

// tools finds node, its packages and Chromium, and looks at every file that decides the outcome, so that the test cache knows them.
func tools(t *testing.T) (node, chromium string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is missing: run `make test`, which installs it")
	}
	if chromium = os.Getenv("CHROMIUM"); chromium == "" {
		for _, name := range []string{"chromium", "chromium-browser"} {
			if found, err := exec.LookPath(name); err == nil && chromium == "" {
				chromium = found
			}
		}
	}
	if chromium == "" {
		t.Fatal("Chromium is missing: run `make test`, which installs it, or set CHROMIUM")
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"axe-core", "playwright-core"} {
		files = append(files, filepath.Join("node_modules", name, "package.json"))
	}
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("%s is missing: run `make test`, which installs the packages (npm ci)", name)
		}
	}
	return node, chromium
}
