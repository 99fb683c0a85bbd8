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
		storetest.TokenPromises(t, func(tb testing.TB, rule m2m.ScopeRule) storetest.Hot {
			tb.Helper()
			d := openHot(tb, "sqlite:"+tb.TempDir()+"/dualmint.db", Options{ScopeRule: rule})
			if err := d.Migrate(tb.Context()); err != nil {
				tb.Fatal(err)
			}
			return hot(tb, d)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		storetest.TokenPromises(t, func(tb testing.TB, rule m2m.ScopeRule) storetest.Hot {
			tb.Helper()
			url := pgtest.FromTemplate(tb, migrateURL, pgtest.NoSync)
			h := hot(tb, openHot(tb, url, Options{ScopeRule: rule}))
			h.Another = func() storetest.HotStore { return openHot(tb, url, Options{ScopeRule: rule, Writers: 3}) }
			return h
		})
	})
}

// openHot opens a database, and closes it with the test.
func openHot(tb testing.TB, url string, o Options) *DB {
	tb.Helper()
	o.URL, o.Now = url, time.Now
	if o.ScopeRule == "" {
		o.ScopeRule = m2m.Live
	}
	d, err := Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// hot gives the promises a way behind the store's back.
func hot(tb testing.TB, d *DB) storetest.Hot {
	tb.Helper()
	var batch *sql.Tx
	return storetest.Hot{
		HotStore: d,
		Exec: func(query string, args ...any) {
			tb.Helper()
			if batch == nil {
				defer inBatch(tb, d, &batch)()
			}
			if _, err := batch.ExecContext(tb.Context(), d.numbered(query), args...); err != nil {
				tb.Fatalf("%s: %v", query, err)
			}
		},
		Together: func(do func()) {
			tb.Helper()
			defer inBatch(tb, d, &batch)()
			do()
		},
		Int: func(query string, args ...any) (n int64) {
			tb.Helper()
			if err := d.sql.QueryRowContext(tb.Context(), d.numbered(query), args...).Scan(&n); err != nil {
				tb.Fatalf("%s: %v", query, err)
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
func inBatch(tb testing.TB, d *DB, batch **sql.Tx) (end func()) {
	tb.Helper()
	leave, err := d.enter(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tx, err := d.sql.BeginTx(tb.Context(), d.dialect.write)
	if err != nil {
		leave()
		tb.Fatal(err)
	}
	*batch = tx
	return func() {
		*batch = nil
		err := tx.Commit()
		leave()
		if err != nil {
			tb.Fatal(err)
		}
	}
}
