package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

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
		faults = append(faults, policyFaults(policy)...)
	}
	if len(faults) > 0 {
		return settings{}, usageError(faults)
	}
	return settings{c, prices, policy}, nil
}

// policyFaults tells why no key could keep the promises of a policy, under the settings that it comes from: those of which one alone, put
// back to its default, would mend it; if there is none, all that are not at their defaults.
func policyFaults(p keys.Policy) []config.Fault {
	err := p.Validate()
	if err == nil {
		return nil
	}
	const jwtMaxTTL = 24 * time.Hour
	usual := keys.DefaultPolicy(jwtMaxTTL)
	var alone, together []config.Fault
	for _, of := range []struct {
		name string
		mend func(*keys.Policy)
	}{
		{"KEY_ROTATION", func(p *keys.Policy) { p.Period = usual.Period }},
		{"JWKS_MAX_AGE", func(p *keys.Policy) { p.MaxAge = usual.MaxAge }},
		{"KEY_REFRESH", func(p *keys.Policy) { p.Refresh, p.Lease = usual.Refresh, usual.Lease }},
		{"JWT_MAX_TTL", func(p *keys.Policy) { p.TokenTTL = usual.TokenTTL }},
	} {
		mended := p
		of.mend(&mended)
		if mended != p {
			together = append(together, faultsOf(of.name, err)...)
		}
		if mended.Validate() == nil {
			alone = append(alone, faultsOf(of.name, err)...)
		}
	}
	if len(alone) > 0 {
		return alone
	}
	return together
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
