package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/config"
)

// program is what every command needs from outside, so that a test can run one like a function.
type program struct {
	environ []string
	dir     string // where .env and relative paths are looked for
	in      io.Reader
	out     io.Writer
	err     io.Writer
	now     func() time.Time

	terminal bool // err is one: a person reads it, and no collector of logs does
}

// run is the whole program. Its error says what went wrong; report turns it into a message and an exit code.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &program{environ: environ, dir: ".", in: stdin, out: stdout, err: stderr, now: time.Now, terminal: isTerminal(stderr)}
	return p.run(ctx, args)
}

func (p *program) run(ctx context.Context, args []string) error {
	root := p.root() //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	return root.ExecuteContext(ctx)
}

func (p *program) root() *cobra.Command {
	root := group("dualmint", "Machine-to-machine tokens of both kinds: revocable opaque tokens and offline JWTs",
		p.serve(), p.demo(), p.migrate(), p.machines(), p.tokens(), p.keys(), p.masterKey(), p.usage(), p.jwks(), p.audit(), p.healthcheck(), p.version())
	root.Long = root.Short + `.

The server's commands (serve, migrate, master-key) take every setting from DUALMINT_* variables or a .env file in the working
directory; .env.example lists them. The others speak HTTP to DUALMINT_URL (default: the configured address) with
DUALMINT_SECRET_KEY (default: the key file beside the local SQLite database).

Exit codes: 0 done; 1 failed, or it cannot be told now; 2 wrong usage, settings or input; 3 refused or not found;
4 the credential is not accepted or may not do this; 5 exists already.`
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	return root
}

// group is a command that only holds others. Without a RunE of its own cobra would greet a typing error with help and success.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs, SuggestionsMinimumDistance: 2, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				_ = c.Help()
				return usageError(fmt.Errorf("name a command of %s", c.CommandPath()))
			}
			message := fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				message += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usageError(fmt.Errorf("%s", message))
		},
	}
	c.AddCommand(commands...)
	return c
}

// args makes faults in the number of arguments faults of usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if err := check(c, given); err != nil {
			return usageError(fmt.Errorf("%w; usage: %s", err, c.UseLine()))
		}
		return nil
	}
}

// client reads the settings of the commands that speak HTTP.
func (p *program) client() (config.Client, error) {
	c, err := config.LoadClient(p.environ, p.dir)
	if err != nil {
		return config.Client{}, usageError(err)
	}
	return c, nil
}

// read reads a file that an argument names.
func (p *program) read(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	return os.ReadFile(name) //nolint:gosec // G304: the operator names it
}
