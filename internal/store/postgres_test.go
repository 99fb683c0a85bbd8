package store

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// with is an address with one more parameter.
func with(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// alter sets something for every later connection to the database of d.
func alter(t *testing.T, d *DB, name, value string) {
	t.Helper()
	h := hot(t, d)
	h.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET " + name + " = " + value + "', current_database()); END $$")
}

// holdFingerprint makes whoever mints for a fingerprint wait until the lock is let go.
func holdFingerprint(t *testing.T, d *DB, fingerprint secret.Hash) (release func()) {
	t.Helper()
	held := d.gorm.Begin()
	if err := held.Exec("SELECT pg_advisory_xact_lock(?)", want{fingerprint: fingerprint[:]}.lock()).Error; err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := held.Rollback().Error; err != nil {
			t.Error(err)
		}
	}
}

// awaitWaiting returns when so many connections to the database of d wait for a lock.
func awaitWaiting(t *testing.T, d *DB, n int64) {
	t.Helper()
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for hot(t, d).Int(waiting) < n {
		time.Sleep(time.Millisecond)
	}
}

func reuseOf(t *testing.T, d *DB, fingerprint secret.Hash) func(context.Context, string) (m2m.Record, error) {
	t.Helper()
	return func(ctx context.Context, seed string) (m2m.Record, error) {
		n := newToken(seed)
		n.Reuse = &tokens.Reusable{Fingerprint: fingerprint, Sealed: secret.Sealed{Version: "v", Bytes: []byte{1}}}
		r, _, _, err := d.ReuseToken(ctx, fingerprint, 0, func(context.Context) (tokens.NewRecord, error) { return n, nil })
		return r, err
	}
}

func TestOneTokenIsMintedWhateverTheDefaultIsolationIs(t *testing.T) {
	plain := pgtest.FromTemplate(t, migrateURL, pgtest.NoSync)
	population(t, openHot(t, plain, Options{}), 4, 4)
	for name, address := range map[string]string{
		"of the database":               plain,
		"of the address":                with(t, plain, "default_transaction_isolation", "serializable"),
		"of the options in the address": with(t, plain, "options", "-cdefault_transaction_isolation=serializable"),
	} {
		t.Run(name, func(t *testing.T) {
			before := openHot(t, plain, Options{})
			if address == plain {
				alter(t, before, "default_transaction_isolation", "''repeatable read''")
			}
			d := openHot(t, address, Options{Writers: 2})
			fingerprint := secret.HashOf(secret.Text(name))
			reuse := reuseOf(t, d, fingerprint)
			release := holdFingerprint(t, before, fingerprint)
			var ids [2]m2m.TokenID
			var all sync.WaitGroup
			for i := range ids {
				all.Go(func() {
					r, err := reuse(t.Context(), name+string(rune('a'+i)))
					if err != nil {
						t.Error(err)
					}
					ids[i] = r.ID
				})
			}
			awaitWaiting(t, before, 2)
			release()
			all.Wait()
			if ids[0] != ids[1] {
				t.Errorf("two tokens: %s", ids)
			}
		})
	}
}

func TestAServerThatAnswersBeforeItCommitsIsRefused(t *testing.T) {
	plain := pgtest.FromTemplate(t, migrateURL, pgtest.NoSync)
	refused := func(address string) {
		t.Helper()
		d, err := Open(t.Context(), Options{URL: address, ScopeRule: m2m.Live, Now: time.Now})
		if err == nil {
			_ = d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
			t.Errorf("%v", err)
		}
	}
	refused(with(t, plain, "synchronous_commit", "off"))
	alter(t, open(t, plain), "synchronous_commit", "off")
	refused(plain)
	open(t, with(t, plain, "synchronous_commit", "on"))
	open(t, with(t, plain, "synchronous_commit", "remote_apply"))
}

// A caller who hangs up while the database works costs neither the token nor the connection, and leaves no doubt.
func TestAReuseIsFinishedWhenItsCallerHangsUp(t *testing.T) {
	d := openHot(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync), Options{Writers: 1})
	population(t, d, 4, 4)
	fingerprint := secret.HashOf("left")
	release := holdFingerprint(t, d, fingerprint)
	ctx, hangUp := context.WithCancel(t.Context())
	done := make(chan error)
	var r m2m.Record
	go func() {
		var err error
		r, err = reuseOf(t, d, fingerprint)(ctx, "left")
		done <- err
	}()
	awaitWaiting(t, d, 1)
	hangUp()
	release()
	if err := <-done; err != nil || hot(t, d).Int("SELECT count(*) FROM tokens WHERE id = ?", string(r.ID)) != 1 {
		t.Errorf("%v, %v", r.ID, err)
	}
	w := <-d.writers.free
	defer func() { d.writers.free <- w }()
	if w.doubts {
		t.Error("the writer does not know what became of it")
	}
}
