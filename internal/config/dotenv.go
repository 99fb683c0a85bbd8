package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

const (
	dotEnv        = ".env"
	longestQuoted = 100 // lines
)

// readLines reads a .env file. A line that cannot be read is a fault with its number, and the others are read all the same, so that
// what is wrong with them is told too.
func readLines(file string) (map[string]string, SettingsError) {
	text, err := os.ReadFile(file) //nolint:gosec // G304: the operator's own working directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, SettingsError{{dotEnv, "cannot be read: " + err.Error()}}
	}
	if values, ok := parseLines(string(text)); ok {
		return values, nil
	}
	good, bad := withoutBadLines(string(text))
	values, ok := parseLines(good)
	if !ok {
		return nil, SettingsError{{dotEnv, "is not lines of NAME=value"}}
	}
	var faults SettingsError
	for _, number := range bad {
		faults = append(faults, Fault{dotEnv, fmt.Sprintf("line %d is not NAME=value", number)})
	}
	return values, faults
}

// parseLines drops the parser's message, which repeats a piece of the file that may be a secret. The parser takes a last line without
// a = for the value of no name.
func parseLines(text string) (map[string]string, bool) {
	values, err := godotenv.Unmarshal(text)
	_, nameless := values[""]
	return values, err == nil && !nameless
}

// withoutBadLines empties the lines that begin no readable statement, and gives their numbers. A quoted value may span lines.
func withoutBadLines(text string) (good string, bad []int) {
	lines := strings.Split(text, "\n")
	for at := 0; at < len(lines); {
		length := statement(lines[at:])
		if length == 0 {
			lines[at] = ""
			bad = append(bad, at+1)
			length = 1
		}
		at += length
	}
	return strings.Join(lines, "\n"), bad
}

// statement is how many of these lines the first statement takes; 0: it cannot be read.
func statement(lines []string) int {
	for n := 1; n <= min(len(lines), longestQuoted); n++ {
		if _, ok := parseLines(strings.Join(lines[:n], "\n") + "\n"); ok {
			return n
		}
	}
	return 0
}
