package store

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
)

// as is an address for another role.
func as(t *testing.T, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "password")
	return u.String()
}

// A role that does not exist is no outage, and an outage is told once.
func TestARefusedLoginIsNotTakenForAnOutage(t *testing.T) {
	address := pgtest.URL(t, pgtest.NoSync)
	_, err := Open(t.Context(), Options{URL: as(t, address, "nobody_of_that_name"), ScopeRule: m2m.Live, Now: time.Now})
	if err == nil || errors.Is(err, m2m.ErrUnavailable) || !strings.Contains(err.Error(), "the server refuses the login: ") {
		t.Errorf("no such role: %v", err)
	}
	_, err = Open(t.Context(), Options{URL: "postgres://u@127.0.0.1:1/x", ScopeRule: m2m.Live, Now: time.Now})
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("nobody listens: %v", err)
	}
}

// Since PostgreSQL 15 not everyone may create tables; who may not is told what is missing.
func TestMigratingWithoutRightsSaysWhichAreMissing(t *testing.T) {
	address := pgtest.URL(t, pgtest.NoSync)
	owner := open(t, address)
	for _, sql := range []string{
		"CREATE ROLE dualmint_without_rights LOGIN PASSWORD 'password'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
	} {
		if _, err := owner.sql.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := owner.sql.Exec("DROP ROLE dualmint_without_rights"); err != nil {
			t.Error(err)
		}
	})
	err := open(t, as(t, address, "dualmint_without_rights")).Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the role must own the database, or be granted CREATE on schema public") {
		t.Errorf("%v", err)
	}
}
