package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dualmint/dualmint/internal/dashboard"
	httpapi "github.com/dualmint/dualmint/internal/http"
	"github.com/dualmint/dualmint/internal/instance"
	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
	"github.com/dualmint/dualmint/internal/store"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

const (
	maxSkew  = 2 * time.Second
	maxQueue = 4096 // verifications that wait for a batch, before callers are told to come back
)

// service is everything that one process runs, joined.
type service struct {
	instance m2m.InstanceID
	db       *store.DB
	sealer   *secret.Sealer
	keys     *keys.Keeper
	schema   *schemaCheck
	sessions *sessions.Service
	ledger   *usage.Ledger
	tally    *tokens.Tally
	grouped  *tokens.Grouped // nil: grouping is off
	door     door

	firstStart bool // of all on this database
}

// assemble opens the database and joins the packages, in the order in which they need each other. What it opened, close closes.
func (p *program) assemble(ctx context.Context, c settings, logger *slog.Logger) (_ *service, err error) {
	sealer, err := secret.NewSealer(c.MasterKey)
	if err != nil {
		return nil, fmt.Errorf("read master keys: %w", err)
	}
	db, err := store.Open(ctx, store.Options{
		URL: c.DatabaseURL.Reveal(), ScopeRule: c.ScopeCheck, Now: p.now, Logger: logger, MaxConns: poolSize(c.Config), Writers: writers(c.Config),
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := bringUpToDate(ctx, db, bool(c.Migrate)); err != nil {
		return nil, err
	}
	record, err := instance.Open(ctx, db, sealer, c.Issuer, c.SecretKey, p.now)
	if err != nil {
		return nil, err
	}
	keeper := keys.New(keys.Deps{Store: db, Sealer: sealer, Policy: c.keyPolicy, Now: p.now, Logger: logger})
	if err := keeper.Start(ctx); err != nil {
		return nil, err
	}
	s := &service{instance: record.ID, db: db, sealer: sealer, keys: keeper, schema: &schemaCheck{version: db.SchemaVersion, now: p.now}}
	var hot tokens.HotStore = ungrouped{db}
	if c.Grouping {
		s.grouped = tokens.NewGrouped(db, tokens.GroupOptions{Workers: c.Writers, MaxQueue: maxQueue, Left: httpapi.Left}, p.now)
		hot = s.grouped
	}
	registered := machines.New(register{db, hot}, sealer, p.now)
	reports := usage.New(db, c.prices)
	signed := jwtmode.New(jwtmode.Deps{Issuer: c.Issuer, Signer: keeper, PublicKeys: keeper, Now: p.now, Recheck: keeper.Recheck})
	issued := tokens.New(tokens.Deps{
		Store: db, Hot: hot, Finder: db, Desk: db, Opaque: opaque.New(),
		JWT: signed, Sealer: sealer, Now: p.now, JWTMaxTTL: c.JWTMaxTTL, RefreshKeys: keeper.Refresh,
	})
	s.firstStart = record.First
	s.sessions = sessions.New(sessions.Deps{Store: db, Links: db, Callers: registered, Now: p.now})
	api := httpapi.New(httpapi.Deps{ //nolint:contextcheck // every request has a context of its own
		Machines:   registered,
		Tokens:     issued,
		Grouped:    s.grouped != nil,
		Assertions: machines.NewAssertions(jwtmode.NewAssertions(c.Issuer, p.now), db), Introspections: signed,
		Usage: reports, Audit: db, Keys: keeper,
		Ready: s.ready, Instance: record.ID, Issuer: c.Issuer, Logger: requestLogger(logger, bool(c.LogRequests)), Now: p.now,
		TrustedProxies: c.Proxies(),
		Limits:         httpapi.Limits{PerCredential: c.RatePerCredential, PerAddress: c.RatePerAddress},
	})
	s.door.handler = api
	s.ledger = usage.NewLedger(db, c.prices, p.now)
	s.tally = tokens.NewTally(counters{issued, keeper}.count, p.now, logger)
	if c.Dashboard {
		pages, err := dashboard.New(dashboard.Deps{ //nolint:contextcheck // likewise
			Graph: registered, Ledger: s.ledger, Reports: reports, Keys: keeper, Audit: db,
			Sessions: s.sessions, Machines: registered, Tokens: issued, Tally: s.tally,
			Rule: c.ScopeCheck, Instance: record.ID, Issuer: c.Issuer, Logger: requestLogger(logger, bool(c.LogRequests)), Now: p.now,
			TrustedProxies: c.Proxies(), RatePerAddress: c.RatePerAddress,
		})
		if err != nil {
			return nil, err
		}
		s.door.handler = beside(api, pages)
	}
	return s, nil
}

// bringUpToDate migrates, or refuses to run on a schema that somebody else has to migrate first.
func bringUpToDate(ctx context.Context, db *store.DB, migrate bool) error {
	if migrate {
		return db.Migrate(ctx)
	}
	have, want, err := db.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("the schema has version %d and this binary works with %d: run \"dualmint migrate up\", or set DUALMINT_MIGRATE=on", have, want)
	}
	return nil
}

// ready tells whether this process can serve. It is not while it stops, so that a balancer looks elsewhere.
func (s *service) ready(ctx context.Context) error {
	if s.door.stopping.Load() {
		return errors.New("stopping")
	}
	if err := s.schema.check(ctx); err != nil {
		return err
	}
	if err := instance.Check(ctx, s.db, s.sealer); err != nil {
		return err
	}
	if err := s.keys.Ready(ctx); err != nil {
		return err
	}
	skew, err := s.db.ClockSkew(ctx)
	if err != nil {
		return err
	}
	if skew.Abs() > maxSkew {
		return fmt.Errorf("the database's clock is %s ahead of this process's: more than %s apart", skew, maxSkew)
	}
	return nil
}

// requestLogger leaves out the lines of requests that ended well, if that was asked for.
func requestLogger(logger *slog.Logger, all bool) *slog.Logger {
	if all {
		return logger
	}
	return slog.New(atLeast{logger.Handler(), slog.LevelWarn})
}
