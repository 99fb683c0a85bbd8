package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// standbyless is a server that has to wait for a standby which never comes. Whoever waits is told by the server, after a while, that the
// commit stands here but perhaps not there: the answer is success, with a warning.
func standbyless(t *testing.T) *DB {
	t.Helper()
	c, err := pgtest.NewCluster()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	exec := func(statement string) {
		t.Helper()
		if err := c.Exec(t.Context(), "postgres", statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	if err := c.Create(t.Context(), "standbyless"); err != nil {
		t.Fatal(err)
	}
	d := openHot(t, c.Socket("standbyless"), Options{})
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	population(t, d, 4, 4)
	exec("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	exec("SELECT pg_reload_conf()")
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var cancelled atomic.Int64
	ended := make(chan struct{})
	watch := openHot(t, c.Socket("standbyless"), Options{})
	go func() {
		defer close(ended)
		const cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
		for ctx.Err() == nil {
			var n int64
			if err := watch.sql.QueryRowContext(context.WithoutCancel(ctx), cancel).Scan(&n); err != nil {
				t.Error(err)
				return
			}
			cancelled.Add(n)
			time.Sleep(5 * time.Millisecond) // until the next one waits
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	for cancelled.Load() == 0 { // until the server has read its settings
		if _, err := d.sql.ExecContext(t.Context(), "UPDATE machines SET updated_at = updated_at"); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// R12: "success, but the standby may not have it" is not success, whoever asks for whatever, and asking again does not make it so.
func TestNoChangeSucceedsBeforeTheStandbysHaveIt(t *testing.T) {
	d := standbyless(t)
	by := m2m.Actor{Kind: m2m.Operator}
	const id = m2m.MachineID("mch_000000000000000000000000000")
	var token string
	if err := d.sql.QueryRowContext(t.Context(), "SELECT id FROM tokens WHERE machine_id = $1 LIMIT 1", string(id)).Scan(&token); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"revoke": func() error { _, err := d.RevokeToken(t.Context(), by, m2m.TokenID(token), "", nil); return err },
		"update a machine": func() error {
			_, err := d.UpdateMachine(t.Context(), by, id, func(m *m2m.Machine) error { m.Name += "'"; return nil })
			return err
		},
		"rotate": func() error {
			row := machines.SecretRow{Hash: secret.HashOf(secret.New(secret.MachineSecret)), Sealed: secret.Sealed{Version: "v", Bytes: []byte{1}}}
			return d.RotateSecret(t.Context(), by, id, row, time.Hour)
		},
		"record": func() error {
			_, err := d.RecordTokens(t.Context(), []tokens.NewRecord{newToken(time.Now().String())})
			return err
		},
	} {
		for range 2 {
			if err := change(); !errors.Is(err, m2m.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := d.Machine(t.Context(), id); err != nil {
		t.Errorf("a look: %v", err)
	}
}
