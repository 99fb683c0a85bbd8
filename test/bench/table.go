package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// rounds is what was measured, by contestant.
type rounds map[string][]result

// ratio is one line of the table: one contestant against another, and what is asked of it.
type ratio struct {
	sentence        string
	ours, theirs    string // theirs empty: the figure is ours alone
	of              func(result) float64
	most            bool // the bound is the most that is allowed, not the least
	bound, stretch  float64
	withoutAnyBound bool
}

func rate(r result) float64   { return r.rate }
func median(r result) float64 { return r.p50.Seconds() }
func p99(r result) float64    { return r.p99.Seconds() }
func spent(r result) float64  { return r.cpu.total().Seconds() }
func alone(r result) float64  { return r.alone }
func allocs(r result) float64 { return r.allocs }
func sets(r result) float64   { return r.fetches }

// ratios is what the hot path promises.
func ratios() []ratio {
	return []ratio{
		{sentence: "verify over HTTP, 64 connections, against a bare gin echo", ours: "verify, 64", theirs: "echo, 64", of: rate, bound: 0.40, stretch: 0.50},
		{sentence: "verify over HTTP, 256 connections, against a bare gin echo", ours: "verify, 256", theirs: "echo, 256", of: rate, bound: 0.55, stretch: 0.70},
		{sentence: "the same, p99, 64 connections", ours: "verify, 64", theirs: "echo, 64", of: p99, most: true, bound: 2},
		{sentence: "the same, p99, 256 connections", ours: "verify, 256", theirs: "echo, 256", of: p99, most: true, bound: 2},
		{sentence: "verify, 64 connections, against one transaction per request", ours: "verify, 64", theirs: "verify single, 64", of: rate, bound: 3.5},
		{sentence: "verify, 256 connections, against one transaction per request", ours: "verify, 256", theirs: "verify single, 256", of: rate, bound: 3.5},
		{sentence: "verify in process, 256 callers, against `pgbench -S -M prepared`, TCP, 32 clients", ours: "verify in process, 256", theirs: "pgbench -S, 32", of: rate, bound: 1.5, stretch: 2.5},
		{sentence: "verify_batch of 100, 16 calls at a time, verifications, against single verify at 64 connections", ours: "verify_batch of 100, 16", theirs: "verify, 64", of: rate, bound: 6},
		{sentence: "the same, 8 calls at a time", ours: "verify_batch of 100, 8", theirs: "verify, 64", of: rate, withoutAnyBound: true},
		{sentence: "create opaque, 64 connections, against one INSERT per transaction, pgbench, 16 clients", ours: "create opaque, 64", theirs: "pgbench INSERT, 16", of: rate, bound: 0.8},
		{sentence: "create JWT, 64 connections, against the same", ours: "create JWT, 64", theirs: "pgbench INSERT, 16", of: rate, bound: 0.8},
		{sentence: "SQLite, full sync: verify, 64 connections, against one transaction per request", ours: "SQLite verify, 64", theirs: "SQLite verify single, 64", of: rate, bound: 5},
		{sentence: "a lone request (1 connection), median latency, against one transaction per request", ours: "verify, 1", theirs: "verify single, 1", of: median, most: true, bound: 1.05},
		{sentence: "a lone request against a bare gin echo", ours: "verify, 1", theirs: "echo, 1", of: rate, withoutAnyBound: true},
		{sentence: "every token once (each check also writes last_used_at), 64 connections, against a bare gin echo", ours: "verify every token once, 64", theirs: "echo, 64", of: rate, withoutAnyBound: true},
		{sentence: "a JWT at first sight, time, against raw `ed25519.Verify`", ours: firstSight, theirs: rawSignature, of: alone, most: true, bound: 1.15},
		{sentence: "the same, against golang-jwt v5 and keyfunc v3", ours: firstSight, theirs: withKeyfunc, of: alone, most: true, bound: 1},
		{sentence: "the same, allocations", ours: firstSight, theirs: withKeyfunc, of: allocs, most: true, bound: 0.5},
		{sentence: "allocations of a JWT at first sight", ours: firstSight, of: allocs, most: true, bound: 19},
		{sentence: "a JWT seen before, time of first sight against it", ours: firstSight, theirs: seenBefore, of: alone, bound: 50},
		{sentence: "allocations of a JWT seen before", ours: seenBefore, of: allocs, most: true, bound: 2},
		{sentence: "opaque, 256 callers in one receiving process, PostgreSQL, against one HTTP call each", ours: sharedCalls, theirs: oneCallEach, of: rate, bound: 3},
		{sentence: "the same, processor time of everybody, one call each against shared calls", ours: oneCallEach, theirs: sharedCalls, of: spent, withoutAnyBound: true},
		{sentence: "100,000 JWTs with random kids: key sets fetched", ours: validBeside, of: sets, most: true, bound: 2},
		{sentence: "valid JWTs beside them, p99, against without them", ours: validBeside, theirs: validAlone, of: p99, most: true, bound: 2},
	}
}

// String is a line for people who watch.
func (r result) String() string {
	line := fmt.Sprintf("%9.0f/s", r.rate)
	if r.p99 > 0 {
		line += fmt.Sprintf("  p50 %7s  p99 %7s", short(r.p50), short(r.p99))
	}
	return line
}

// printFigures prints the medians of all rounds.
func (t rounds) printFigures(out io.Writer, list []contestant) {
	_, _ = fmt.Fprint(out, "\n| contestant, connections | per second | p50 | p99 | processor time of one, client + server + PostgreSQL |\n|---|---|---|---|---|\n")
	printed := map[string]bool{}
	for _, c := range list {
		all := t[c.name]
		if len(all) == 0 || printed[c.name] {
			continue
		}
		printed[c.name] = true
		latency := func(of func(result) float64) string {
			if v := medianOf(all, of); v > 0 {
				return short(time.Duration(v * float64(time.Second)))
			}
			return ""
		}
		micros := func(of func(cpu) time.Duration) float64 {
			return medianOf(all, func(r result) float64 { return of(r.cpu).Seconds() * 1e6 })
		}
		costs := ""
		if total := micros(cpu.total); total > 0 {
			costs = fmt.Sprintf("%.1f us = %.1f + %.1f + %.1f", total, micros(func(c cpu) time.Duration { return c.client }),
				micros(func(c cpu) time.Duration { return c.server }), micros(func(c cpu) time.Duration { return c.postgres }))
		}
		_, _ = fmt.Fprintf(out, "| %s | %.0f | %s | %s | %s |\n", c.name, medianOf(all, rate), latency(median), latency(p99), costs)
	}
}

// printRatios prints medians of the ratios of what was measured in one round.
func (t rounds) printRatios(out io.Writer) {
	_, _ = fmt.Fprint(out, "\n| figure | asked for | measured | lowest to highest | |\n|---|---|---|---|---|\n")
	for _, r := range ratios() {
		each := t.ratiosOf(r)
		if len(each) == 0 {
			continue
		}
		middle := each[len(each)/2]
		_, _ = fmt.Fprintf(out, "| %s | %s | **%.2f%s** | %.2f to %.2f | %s |\n",
			r.sentence, r.wish(), middle, r.unit(), each[0], each[len(each)-1], r.verdict(middle))
	}
}

// ratiosOf gives the ratios of what was measured in one round, the smallest first.
func (t rounds) ratiosOf(r ratio) []float64 {
	var out []float64
	if r.theirs == "" {
		for _, ours := range t[r.ours] {
			out = append(out, r.of(ours))
		}
	}
	ours, theirs := t[r.ours], t[r.theirs]
	each := max(len(ours), len(theirs)) // one may have been measured more often in a round than the other
	if len(ours) == 0 || len(theirs) == 0 {
		each = 0
	}
	for i := range each {
		if base := r.of(theirs[i*len(theirs)/each]); base > 0 {
			out = append(out, r.of(ours[i*len(ours)/each])/base)
		}
	}
	slices.Sort(out)
	return out
}

// unit is that of a ratio; a figure alone is a number.
func (r ratio) unit() string {
	if r.theirs == "" {
		return ""
	}
	return "x"
}

func (r ratio) wish() string {
	switch {
	case r.withoutAnyBound:
		return ""
	case r.most:
		return fmt.Sprintf("at most %.2f%s", r.bound, r.unit())
	case r.stretch > 0:
		return fmt.Sprintf("at least %.2fx (stretch %.2fx)", r.bound, r.stretch)
	default:
		return fmt.Sprintf("at least %.2fx", r.bound)
	}
}

func (r ratio) verdict(measured float64) string {
	switch {
	case r.withoutAnyBound:
		return ""
	case r.most && measured <= r.bound:
		return "met"
	case !r.most && r.stretch > 0 && measured >= r.stretch:
		return "met, stretch too"
	case !r.most && measured >= r.bound:
		return "met"
	default:
		return "**not met**"
	}
}

func medianOf(all []result, of func(result) float64) float64 {
	values := make([]float64, len(all))
	for i, r := range all {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}
