package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/m2m"
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
	root.SetArgs(namesLast(args))
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	if err := mistyped(root, args); err != nil {
		return err
	}
	return root.ExecuteContext(ctx)
}

// namesLast puts a kid that begins with a dash, as one in 64 does, where no parser takes it for flags: behind a -- at the end.
func namesLast(args []string) []string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if strings.HasPrefix(a, "-") && m2m.IsKeyID(m2m.KeyID(a)) && i > 0 && args[i-1] != "--retire" {
			return append(slices.Concat(args[:i], args[i+1:]), "--", a)
		}
	}
	return args
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
	root.SetHelpCommand(help(root))
	root.Version = build().String()
	root.SetVersionTemplate("{{.Version}}\n")
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
			return noCommand(c, args[0])
		},
	}
	c.AddCommand(commands...)
	return c
}

func noCommand(c *cobra.Command, name string) error {
	message := fmt.Sprintf("%s has no command %q", c.CommandPath(), name)
	if near := c.SuggestionsFor(name); len(near) > 0 {
		message += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError(errors.New(message))
}

// mistyped finds a command that does not exist where help is asked for, which cobra would answer with the help of the group and success.
func mistyped(root *cobra.Command, args []string) error {
	c, rest, err := root.Find(args)
	if err != nil || !c.HasSubCommands() || !slices.ContainsFunc(rest, func(a string) bool { return a == "-h" || a == "--help" }) {
		return nil //nolint:nilerr // it is told where the command is run
	}
	if at := slices.IndexFunc(rest, func(a string) bool { return !strings.HasPrefix(a, "-") }); at >= 0 {
		return noCommand(c, rest[at])
	}
	return nil
}

// help is cobra's help command, except that it does not know what does not exist.
func help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Show what a command does", DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil {
				return usageError(err)
			}
			if c.HasSubCommands() && len(rest) > 0 {
				return noCommand(c, rest[0])
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
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
