package gateways

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// program finds a gateway where Debian or scripts/ensure-gateways.sh puts it. One that is missing fails the test.
func program(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{name, "/usr/sbin/" + name, filepath.Join(root, ".cache", "gateways", name)} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is missing: run `make test`, which installs it", name)
	return ""
}

// freeAddress finds an address that nobody takes before its gateway does: other listeners of these tests, and the near ends of their
// connections, are all on 127.0.0.1.
func freeAddress(t *testing.T) string {
	t.Helper()
	var part [3]byte
	_, _ = rand.Read(part[:]) // never fails
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.%d.%d.%d:0", part[0]&127|1, part[1], part[2]|1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// run starts a gateway in the foreground and waits until it listens. The test's end stops it by its process id.
func run(t *testing.T, dir, address string, env []string, name string, args ...string) {
	t.Helper()
	env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	p := harness.Launch(t, dir, env, func(ctx context.Context) bool {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, program(t, name), args...)
	t.Cleanup(func() {
		_ = p.Stop() // some end with the signal's number
		if t.Failed() {
			t.Logf("the end of %s's log:\n%s", name, p.LogTail())
		}
	})
}
