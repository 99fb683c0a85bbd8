package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dualmint": main})
}

// TestScripts runs the commands as an operator does: the same binary, processes of its own, a SQLite database in each
// script's directory.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			addr := freeAddress(t)
			e.Setenv("DUALMINT_ADDR", addr)
			_, port, err := net.SplitHostPort(addr)
			e.Setenv("LOCALHOST", "http://localhost:"+port)
			e.Setenv("HOME", e.WorkDir)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready": ready, "exits": exits, "save": save, "mode": mode, "curls": curls,
		},
	})
}

// ready waits until the server of the script serves.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	url := "http://" + ts.Getenv("DUALMINT_ADDR") + "/readyz"
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(url)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("the server is not ready")
}

// exits CODE COMMAND... runs a command that must end with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// save NAME PATTERN keeps what the pattern's first group matches in the last standard output.
func save(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("standard output does not match %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// mode OCTAL FILE holds a file to its permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	if info.Mode().Perm() != fs.FileMode(want) {
		ts.Fatalf("%s has mode %o", args[1], info.Mode().Perm())
	}
}

// curls FILE runs the lines to paste of a demo's output in a shell and writes what each answered to answer1, answer2, ...
func curls(ts *testscript.TestScript, _ bool, args []string) {
	lines := regexp.MustCompile(`(?m)^   curl (?:.*\\\n)*.*$`).FindAllString(ts.ReadFile(args[0]), -1)
	for i, line := range lines {
		out, err := exec.Command("sh", "-c", line+" -w '\\n%{http_code}\\n'").CombinedOutput()
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), fmt.Sprintf("answer%d", i+1)), out, 0o600))
	}
	ts.Logf("%d lines", len(lines))
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
