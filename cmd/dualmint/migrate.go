package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/store"
)

func (p *program) migrate() *cobra.Command {
	return group("migrate", "Bring the schema up to date by hand, for DUALMINT_MIGRATE=off",
		p.migrateUp(), p.migrateStatus())
}

func (p *program) migrateUp() *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Bring the schema to the version that this binary knows", Args: args(cobra.NoArgs),
		RunE: p.withDatabase(func(c *cobra.Command, db *store.DB) error {
			if err := db.Migrate(c.Context()); err != nil {
				return err
			}
			have, _, err := db.SchemaVersion(c.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "the schema has version %d, which this binary knows\n", have)
			return err
		}),
	}
}

func (p *program) migrateStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Tell which version the schema has; exit code 3 when it is not this binary's", Args: args(cobra.NoArgs),
		Long: `Tell which version the schema has. A SQLite database belongs to one process: stop the server first, or ask its /readyz.

Exit codes: 0 it is this binary's; 3 it is another; 1 it cannot be told now.`,
		RunE: p.withDatabase(func(c *cobra.Command, db *store.DB) error {
			have, want, err := db.SchemaVersion(c.Context())
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(p.out, "the schema has version %d, this binary knows %d\n", have, want); err != nil || have == want {
				return err
			}
			return &exitError{exitRefused, fmt.Errorf("the schema is not this binary's")}
		}),
	}
}

// withDatabase opens the configured database for a command and closes it again.
func (p *program) withDatabase(f func(*cobra.Command, *store.DB) error) func(*cobra.Command, []string) error {
	return p.withSettings(func(c *cobra.Command, _ config.Config, db *store.DB) error { return f(c, db) })
}

// withSettings is withDatabase for a command that needs the settings too.
func (p *program) withSettings(f func(*cobra.Command, config.Config, *store.DB) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) (err error) {
		settings, err := config.LoadDatabase(p.environ, p.dir)
		if err != nil {
			return usageError(err)
		}
		// A database is never without its keys: serve takes a lost key file for a loss.
		logger := newLogger(p.err, settings)
		made, err := settings.EnsureKeys()
		p.tellMade(made, settings, logger)
		if err != nil {
			return err
		}
		db, err := store.Open(c.Context(), store.Options{
			URL: settings.DatabaseURL.Reveal(), ScopeRule: m2m.Live, Now: p.now, Logger: logger, MaxConns: poolSize(settings),
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return f(c, settings, db)
	}
}
