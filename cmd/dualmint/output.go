package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/m2m"
)

// output is where a command's result goes: JSON as the server sent it, or something for people.
type output struct {
	w    io.Writer
	json bool
}

// jsonFlag gives a command its --json.
func (p *program) jsonFlag(c *cobra.Command) *output {
	o := &output{w: p.out}
	c.Flags().BoolVar(&o.json, "json", false, "print the answer as JSON")
	return o
}

// only refuses --json beside a flag that asks for another shape.
func (o *output) only(flag string, given bool) error {
	if given && o.json {
		return usageError(fmt.Errorf("choose one of --json and --%s", flag))
	}
	return nil
}

// raw prints JSON if that was asked for, and tells whether it did.
func (o *output) raw(text json.RawMessage) (bool, error) {
	if !o.json {
		return false, nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return true, fmt.Errorf("the answer is not JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err := o.w.Write(b.Bytes())
	return true, err
}

// table prints rows under a header, in columns.
func (o *output) table(header string, rows [][]string) error {
	return columns(o.w, append([][]string{strings.Fields(header)}, rows...))
}

// sheet prints the properties of one thing.
func (o *output) sheet(pairs ...[2]string) error {
	rows := make([][]string, 0, len(pairs))
	for _, p := range pairs {
		rows = append(rows, []string{p[0], p[1]})
	}
	return columns(o.w, rows)
}

// line prints one line.
func (o *output) line(format string, a ...any) error {
	_, err := fmt.Fprintf(o.w, format+"\n", a...)
	return err
}

func columns(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	var errs []error
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			if clean[i] = printable(cell); cell == "" {
				clean[i] = "-"
			}
		}
		_, err := fmt.Fprintln(t, strings.Join(clean, "\t"))
		errs = append(errs, err)
	}
	return errors.Join(append(errs, t.Flush())...)
}

// printable keeps text from outside from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsGraphic(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// instant shows milliseconds of the wire as a time.
func instant(ms *int64) string {
	if ms == nil {
		return "never"
	}
	return time.UnixMilli(*ms).UTC().Format(time.RFC3339)
}

// lifetime shows seconds of the wire.
func lifetime(seconds *int64) string {
	if seconds == nil {
		return "never expires"
	}
	return (time.Duration(*seconds) * time.Second).String()
}

// parseLifetime reads a duration of whole seconds, or "never", which is null on the wire.
func parseLifetime(flag, text string) (*int64, error) {
	if text == "never" {
		return nil, nil
	}
	s, err := parseSeconds(flag, text, time.Second, m2m.MaxTTL)
	if err != nil {
		return nil, usageError(fmt.Errorf("%w, or never", err))
	}
	return &s, nil
}

// parseSeconds reads a duration flag as the whole seconds of the wire.
func parseSeconds(flag, text string, low, high time.Duration) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d%time.Second != 0 {
		return 0, usageError(fmt.Errorf("--%s must be whole seconds such as 90s, 10m or 24h", flag))
	}
	if d < low || d > high {
		return 0, usageError(fmt.Errorf("--%s must be at least %s and at most %s", flag, short24(low), short24(high)))
	}
	return int64(d / time.Second), nil
}

// short24 writes whole hours without the minutes and seconds that they do not have.
func short24(d time.Duration) string {
	if d >= time.Hour && d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}
