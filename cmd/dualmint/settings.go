package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/usage"
)

// leaseOf is for how many refresh intervals a copy of the signing keys is good: two readings may fail in a row.
const leaseOf = 3

// settings is what serve starts with.
type settings struct {
	config.Config
	prices    usage.PriceList
	keyPolicy keys.Policy
}

// loadSettings reads everything that serve needs and tells every fault at once, those that only another package can judge among
// them.
func (p *program) loadSettings() (settings, error) {
	c, err := config.Load(p.environ, p.dir)
	var faults config.SettingsError
	if err != nil && !errors.As(err, &faults) {
		return settings{}, err
	}
	prices, err := usage.ParsePrices(c.Prices)
	faults = append(faults, faultsOf("PRICES", err)...)
	prices, err = prices.WithAllowances(c.Allowances)
	faults = append(faults, faultsOf("ALLOWANCES", err)...)
	policy := keys.DefaultPolicy(c.JWTMaxTTL)
	policy.Period, policy.MaxAge = c.KeyRotation, c.JWKSMaxAge
	policy.Refresh, policy.Lease = c.KeyRefresh, leaseOf*c.KeyRefresh
	if len(faults) == 0 { // otherwise it would judge what was not read
		faults = append(faults, faultsOf("KEY_ROTATION", policy.Validate())...)
	}
	if len(faults) > 0 {
		return settings{}, usageError(faults)
	}
	return settings{c, prices, policy}, nil
}

func faultsOf(name string, err error) []config.Fault {
	if err == nil {
		return nil
	}
	return []config.Fault{{Name: config.Prefix + name, Message: "does not hold: " + strings.ReplaceAll(err.Error(), "\n", "; ")}}
}

// tellMade says where a first start has put the keys; never what they are. Where the log is JSON it is a line of the log.
func (p *program) tellMade(paths []string, c config.Config, logger *slog.Logger) {
	for _, path := range paths {
		if c.LogFormat == config.LogJSON {
			logger.Warn("first start: made a key file; keep a copy of it where the database's backups are not", "path", path)
			continue
		}
		_, _ = fmt.Fprintf(p.err, "dualmint: first start: made %s; keep a copy of it where the database's backups are not\n", path)
	}
}

// tellLoose warns of secrets that others on this machine can read.
func tellLoose(ctx context.Context, c config.Config, logger *slog.Logger) {
	for _, path := range c.LooseFiles() {
		logger.WarnContext(ctx, "a file with secrets can be read by others: chmod 600 keeps it to its owner", "path", path)
	}
}

// poolSize is the setting on PostgreSQL; the embedded database has a size of its own.
func poolSize(c config.Config) int {
	if _, embedded := c.SQLitePath(); embedded {
		return 0
	}
	return c.DatabaseConns
}

// writers is how many transactions bill at the same time. Without grouping every connection does.
func writers(c config.Config) int {
	if c.Grouping {
		return c.Writers
	}
	return c.DatabaseConns
}
