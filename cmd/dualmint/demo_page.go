package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// page is the demo's output: numbered steps with facts under them.
type page struct {
	w     io.Writer
	steps int
	err   error
}

func (p *page) print(format string, a ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", a...); p.err == nil {
		p.err = err
	}
}

func (p *page) head(text string) {
	p.steps++
	p.print("\n%d. %s", p.steps, text)
}

func (p *page) fact(name, text string) { p.print("   %-14s%s", name, text) }

func (p *page) rows(rows [][]string) {
	var b strings.Builder
	if err := columns(&b, rows); err != nil {
		p.err = err
	}
	for line := range strings.Lines(b.String()) {
		p.print("   %s", strings.TrimRight(line, " \n"))
	}
}

// short shows a token's beginning and its length.
func short(t string) string {
	return fmt.Sprintf("%s...  (%d characters)", t[:min(len(t), 40)], len(t))
}

// quoted is JSON for a shell's single quotes.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "'{}'"
	}
	return "'" + strings.ReplaceAll(string(text), "'", `'\''`) + "'"
}
