package store

import (
	"database/sql"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/storetest"
)

func TestTokenPromises(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.TokenPromises(t, func(t testing.TB, rule m2m.ScopeRule) storetest.Hot {
			d := openHot(t, "sqlite:"+t.TempDir()+"/dualmint.db", Options{ScopeRule: rule})
			if err := d.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			return hot(t, d)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		storetest.TokenPromises(t, func(t testing.TB, rule m2m.ScopeRule) storetest.Hot {
			url := pgtest.FromTemplate(t, migrateURL, pgtest.NoSync)
			h := hot(t, openHot(t, url, Options{ScopeRule: rule}))
			h.Another = func() storetest.HotStore { return openHot(t, url, Options{ScopeRule: rule, Writers: 3}) }
			return h
		})
	})
}

// openHot opens a database, and closes it with the test.
func openHot(t testing.TB, url string, o Options) *DB {
	t.Helper()
	o.URL, o.Now = url, time.Now
	if o.ScopeRule == "" {
		o.ScopeRule = m2m.Live
	}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// hot gives the promises a way behind the store's back.
func hot(t testing.TB, d *DB) storetest.Hot {
	t.Helper()
	var batch *sql.Tx
	return storetest.Hot{
		HotStore: d,
		Exec: func(query string, args ...any) {
			t.Helper()
			if batch == nil {
				defer inBatch(t, d, &batch)()
			}
			if _, err := batch.ExecContext(t.Context(), d.numbered(query), args...); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		},
		Together: func(do func()) {
			t.Helper()
			defer inBatch(t, d, &batch)()
			do()
		},
		Int: func(query string, args ...any) (n int64) {
			t.Helper()
			if err := d.sql.QueryRowContext(t.Context(), d.numbered(query), args...).Scan(&n); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			return n
		},
	}
}

// numbered turns ? into what the database takes.
func (d *DB) numbered(query string) string {
	if !d.postgres() {
		return query
	}
	parts := strings.Split(query, "?")
	out := parts[0]
	for i, part := range parts[1:] {
		out += "$" + strconv.Itoa(i+1) + part
	}
	return out
}

// inBatch opens the transaction in which everything is written until it is ended.
func inBatch(t testing.TB, d *DB, batch **sql.Tx) (end func()) {
	t.Helper()
	leave, err := d.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := d.sql.BeginTx(t.Context(), d.dialect.write)
	if err != nil {
		leave()
		t.Fatal(err)
	}
	*batch = tx
	return func() {
		*batch = nil
		err := tx.Commit()
		leave()
		if err != nil {
			t.Fatal(err)
		}
	}
}
