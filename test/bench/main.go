package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	rounds  int
	warm    time.Duration // before each measurement
	span    time.Duration // of each measurement
	open    time.Duration // of the open loop
	tokens  int           // live ones
	busy    int           // of them in use
	only    string        // figures to take, a regular expression
	soak    time.Duration
	profile string // directory for profiles of the server under load
	quick   bool
	env     settings // of the servers of ours
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == echoArgument {
		exit(echo(os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	}
	_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run is the whole program.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o := options{warm: 200 * time.Millisecond, open: 15 * time.Second, tokens: 100_000, busy: 5_000}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(progress)
	f.IntVar(&o.rounds, "rounds", 15, "how often everything is measured; medians are printed")
	f.DurationVar(&o.span, "span", 500*time.Millisecond, "how long each measurement takes")
	f.StringVar(&o.only, "only", "", "take only the figures whose names match this regular expression")
	f.DurationVar(&o.soak, "soak", 0, "instead of the table: watch the server's memory under load for so long, with a million live tokens")
	f.StringVar(&o.profile, "profile", "", "instead of the table: write profiles of the server under load into this directory")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of everything: its figures mean nothing")
	f.Var(&o.env, "set", "a setting NAME=value of the servers under test; may be repeated")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.quick {
		o.rounds, o.warm, o.span, o.open, o.tokens, o.busy = 1, 50*time.Millisecond, 150*time.Millisecond, time.Second, 2_000, 500
	}
	switch {
	case o.soak > 0:
		return soak(ctx, o, out, progress)
	case o.profile != "":
		return profile(ctx, o, progress)
	default:
		return measure(ctx, o, out, progress)
	}
}
