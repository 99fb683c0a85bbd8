// Package sdk runs Clerk's published SDKs and jose, unmodified, against the real server: what a customer's code does on the
// day it is pointed at Dualmint.
package sdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// TestNodePackagesWorkUnmodified runs every *.test.mjs beside it with Node's own test runner.
func TestNodePackagesWorkUnmodified(t *testing.T) {
	node := nodeWithPackages(t)
	scripts, err := filepath.Glob("*.test.mjs")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts beside this test: %v", err)
	}
	harness.OnBoth(t, func(t *testing.T, s *harness.Server) {
		cmd := exec.CommandContext(t.Context(), node, append([]string{"--test", "--test-reporter=tap"}, scripts...)...)
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + t.TempDir(),
			"DUALMINT_TEST_URL=" + s.Base,
			"DUALMINT_TEST_ISSUER=" + s.Issuer,
			"DUALMINT_TEST_INSTANCE_KEY=" + s.InstanceKey,
			"CLERK_TELEMETRY_DISABLED=1",
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("node --test: %v\n%s", err, out)
		}
	})
}

// nodeWithPackages finds node, and looks at every file that decides the outcome, so that the test cache knows them.
func nodeWithPackages(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is missing: run `make test`, which installs it")
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"@clerk/backend", "@clerk/backend-2", "@clerk/express", "express", "jose", "oauth4webapi", "openid-client"} {
		files = append(files, filepath.Join("node_modules", name, "package.json"))
	}
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("%s is missing: run `make test`, which installs the packages (npm ci)", name)
		}
	}
	return node
}
