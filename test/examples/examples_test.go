// Package examples runs the two programs of the story, Machine A calling Machine B, in every combination of language and format.
package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// programs gives the commands of A and B in both languages.
func programs(t *testing.T) map[string]func(name string) *exec.Cmd {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "./examples/go/...")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	node := t.TempDir() // where the packages of the SDK suite are beside the files
	if err := os.Symlink(filepath.Join(root(t), "test", "sdk", "node_modules"), filepath.Join(node, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"machine-a.mjs", "machine-b.mjs"} {
		text, err := os.ReadFile(filepath.Join(root(t), "examples", "node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(node, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(string) *exec.Cmd{
		"go": func(name string) *exec.Cmd { return exec.CommandContext(t.Context(), filepath.Join(bin, name)) },
		"node": func(name string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), "node", name+".mjs")
			cmd.Dir = node
			return cmd
		},
	}
}

// What npm ci installs for a reader is what the examples import, in the versions that are tested here.
func TestNodeExamplesShipTheirPackages(t *testing.T) {
	read := func(parts ...string) map[string]string {
		text, err := os.ReadFile(filepath.Join(append([]string{root(t)}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Dependencies map[string]string
			Packages     map[string]struct{ Version string }
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for name, p := range file.Packages {
			if file.Dependencies == nil {
				file.Dependencies = map[string]string{}
			}
			file.Dependencies[strings.TrimPrefix(name, "node_modules/")] = p.Version
		}
		return file.Dependencies
	}
	shipped, locked, tested := read("examples", "node", "package.json"), read("examples", "node", "package-lock.json"), read("test", "sdk", "package-lock.json")
	for _, program := range []string{"machine-a.mjs", "machine-b.mjs"} {
		text, err := os.ReadFile(filepath.Join(root(t), "examples", "node", program))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`from '(@?[\w/-]+)'`).FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if shipped[name] == "" || locked[name] == "" || locked[name] != tested[name] {
				t.Errorf("%s imports %s: shipped %q, locked %q, tested %q", program, name, shipped[name], locked[name], tested[name])
			}
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestMachineACallsMachineB(t *testing.T) {
	s := harness.New(t, harness.SQLite(t)).Start(t)
	b := s.NewMachine(t, "Machine B")
	a := s.NewMachine(t, "Machine A", b)
	c := s.NewMachine(t, "Machine C") // may not call B
	languages := programs(t)
	for serving, runB := range languages {
		port := freePort(t)
		cmd := runB("machine-b")
		cmd.Env = append(os.Environ(), "DUALMINT_ISSUER="+s.Issuer, "MACHINE_B_ID="+b.ID, "MACHINE_B_SECRET="+b.SecretKey,
			"MACHINE_B_ADDR=127.0.0.1:"+port, "MACHINE_B_PORT="+port)
		start(t, cmd, port)
		for calling, runA := range languages {
			for _, format := range []string{"opaque", "jwt"} {
				t.Run(fmt.Sprintf("%s calls %s with %s", calling, serving, format), func(t *testing.T) {
					ask := func(secret string) string {
						cmd := runA("machine-a")
						cmd.Env = append(os.Environ(), "DUALMINT_ISSUER="+s.Issuer, "MACHINE_A_SECRET="+secret, "TOKEN_FORMAT="+format, "MACHINE_B_URL=http://127.0.0.1:"+port)
						out, err := cmd.CombinedOutput()
						if err != nil {
							t.Fatalf("%v (make test installs the packages)\n%s", err, out)
						}
						return string(out)
					}
					if got := ask(a.SecretKey); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"asked_by":"`+a.ID+`"`) {
						t.Errorf("A, which may call B: %s", got)
					}
					if got := ask(c.SecretKey); !strings.HasPrefix(got, "401") {
						t.Errorf("C, which may not: %s", got)
					}
				})
			}
		}
	}
}

// start runs a service until the test ends, and waits until it listens.
func start(t *testing.T, cmd *exec.Cmd, port string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("it does not listen: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
