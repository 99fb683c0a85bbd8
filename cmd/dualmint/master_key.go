package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/masterkey"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/store"
)

func (p *program) masterKey() *cobra.Command {
	c := group("master-key", "Replace the key under which everything secret is sealed at rest", p.masterKeyReseal(), p.masterKeyStatus())
	c.Long = c.Short + `.

1. Make a new key and put it behind the old one: DUALMINT_MASTER_KEY=old,new. Restart every replica: all can open what it will seal.
2. Put it in front: DUALMINT_MASTER_KEY=new,old. Restart every replica.
3. dualmint master-key reseal, with the same list, until it reports nothing left (replicas on PostgreSQL serve meanwhile; a SQLite
   database belongs to one process, so stop its server first).
4. Set DUALMINT_MASTER_KEY=new and restart every replica.`
	return c
}

func (p *program) masterKeyReseal() *cobra.Command {
	return &cobra.Command{
		Use: "reseal", Short: "Seal everything anew under the first master key of the list", Args: args(cobra.NoArgs),
		RunE: p.withSealed(func(c *cobra.Command, db *store.DB, sealer *secret.Sealer) error {
			report, err := masterkey.Reseal(c.Context(), db, sealer, m2m.Actor{Kind: m2m.System})
			for _, t := range masterkey.Tables() {
				if _, told := fmt.Fprintf(p.out, "%s: %d sealed anew, %d do not open\n", t, report.Resealed[t], report.Unopened[t]); told != nil {
					return errors.Join(err, told)
				}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, "nothing is left under another master key than the first")
			return err
		}),
	}
}

func (p *program) masterKeyStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Tell what is sealed under which master key; exit code 3 when something is left under an old one", Args: args(cobra.NoArgs),
		RunE: p.withSealed(func(c *cobra.Command, db *store.DB, sealer *secret.Sealer) error {
			counts, err := db.SealedCounts(c.Context())
			if err != nil {
				return err
			}
			rows := make([][]string, 0, len(counts))
			for _, of := range counts {
				which := "old"
				if of.Version == sealer.Version() {
					which = "first"
				}
				rows = append(rows, []string{string(of.Table), of.Version, which, strconv.FormatInt(of.Values, 10)})
			}
			if err := (&output{w: p.out}).table("TABLE VERSION KEY VALUES", rows); err != nil {
				return err
			}
			if left := masterkey.Left(counts, sealer.Version()); left > 0 {
				return &exitError{exitRefused, fmt.Errorf("%d values are left under another master key than the first: run \"dualmint master-key reseal\"", left)}
			}
			return nil
		}),
	}
}

// withSealed opens the configured database and its master keys for a command. Keys that do not open the canary are refused: with them
// nothing could be moved, and a value sealed under them could not be opened by anybody else.
func (p *program) withSealed(f func(*cobra.Command, *store.DB, *secret.Sealer) error) func(*cobra.Command, []string) error {
	return p.withSettings(func(c *cobra.Command, settings config.Config, db *store.DB) error {
		if settings.MasterKey == "" {
			return usageError(errors.New("DUALMINT_MASTER_KEY or DUALMINT_MASTER_KEY_FILE is required: the list that the replicas have"))
		}
		sealer, err := secret.NewSealer(settings.MasterKey)
		if err != nil {
			return usageError(fmt.Errorf("read master keys: %w", err))
		}
		if err := bringUpToDate(c.Context(), db, false); err != nil {
			return err
		}
		if err := instance.Check(c.Context(), db, sealer); err != nil {
			return err
		}
		return f(c, db, sealer)
	})
}
