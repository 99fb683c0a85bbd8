//go:build faults

package faults

import (
	"context"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	httpapi "github.com/dualmint/dualmint/internal/http"
	"github.com/dualmint/dualmint/internal/instance"
	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/store"
	"github.com/dualmint/dualmint/internal/tokens"
)

func storeOptions(t *testing.T) store.Options {
	t.Helper()
	return store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "dualmint.db"), ScopeRule: m2m.Live, Now: time.Now}
}

// assembly is the packages joined as the command joins them, but for one of them.
type assembly struct {
	handler     http.Handler
	instanceKey secret.Text
}

// assemble joins them on a database, with what hot makes of it on the hot path.
func assemble(t *testing.T, db *store.DB, hot func(tokens.HotStore) tokens.HotStore) assembly {
	t.Helper()
	ctx := t.Context()
	sealer, err := secret.NewSealer(secret.Text(base64.StdEncoding.EncodeToString(make([]byte, 32))))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	const issuer = "http://issuer.test"
	key := secret.New(secret.InstanceKey)
	record, err := instance.Open(ctx, db, sealer, issuer, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	keeper := keys.New(keys.Deps{Store: db, Sealer: sealer, Policy: keys.DefaultPolicy(time.Hour), Now: time.Now, Logger: silent})
	if err := keeper.Start(ctx); err != nil {
		t.Fatal(err)
	}
	service := tokens.New(tokens.Deps{
		Store: db, Hot: hot(db), Opaque: opaque.New(),
		JWT:    jwtmode.New(jwtmode.Deps{Issuer: issuer, Signer: keeper, PublicKeys: keeper, Now: time.Now, Recheck: keeper.Recheck}),
		Sealer: sealer, Now: time.Now, JWTMaxTTL: time.Hour, RefreshKeys: keeper.Refresh,
	})
	return assembly{instanceKey: key, handler: httpapi.New(httpapi.Deps{
		Machines: machines.New(db, sealer, time.Now), Tokens: service, Audit: db, Keys: keeper,
		Ready:    func(context.Context) error { return nil },
		Instance: record.ID, Logger: silent, Now: time.Now,
	})}
}

// grouped is the real grouping, for as long as the test lasts.
func grouped(t *testing.T, hot tokens.HotStore) *tokens.Grouped {
	t.Helper()
	g := tokens.NewGrouped(hot, tokens.GroupOptions{Workers: 2, MaxQueue: 4096}, time.Now)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return g
}
