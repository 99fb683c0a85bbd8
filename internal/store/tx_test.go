package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
)

func TestTransactionIsTriedAgainOnlyWhenTheServerUndidIt(t *testing.T) {
	d := migrated(t, sqliteURL(t))
	mine := errors.New("mine")
	for name, c := range map[string]struct {
		errs  []error // of one try after the other
		tries int
		want  error
	}{
		"deadlock":             {[]error{&pgconn.PgError{Code: "40P01"}, nil}, 2, nil},
		"serialization":        {[]error{&pgconn.PgError{Code: "40001"}, &pgconn.PgError{Code: "40P01"}, nil}, 3, nil},
		"for ever":             {slices.Repeat([]error{&pgconn.PgError{Code: "40P01"}}, 99), attempts, m2m.ErrUnavailable},
		"connection lost":      {[]error{&pgconn.PgError{Code: "57P01"}, nil}, 1, m2m.ErrUnavailable},
		"a constraint":         {[]error{gorm.ErrDuplicatedKey, nil}, 1, nil},
		"the domain's":         {[]error{m2m.ErrNotFound, nil}, 1, m2m.ErrNotFound},
		"the caller's own":     {[]error{asIs(mine), nil}, 1, mine},
		"the caller gave up":   {[]error{context.Canceled, nil}, 1, context.Canceled},
		"the caller's timeout": {[]error{context.DeadlineExceeded, nil}, 1, m2m.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			err := d.inTx(t.Context(), "try", func(*gorm.DB) error {
				tries++
				return c.errs[tries-1]
			})
			if tries != c.tries || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%d tries, %v", tries, err)
			}
			if _, ok := errors.AsType[*pgconn.PgError](err); ok || errors.Is(err, gorm.ErrDuplicatedKey) {
				t.Errorf("an error of a library leaves the store: %v", err)
			}
		})
	}
}

func TestSQLiteWriterWaitsNoLongerThanItsContext(t *testing.T) {
	d := migrated(t, sqliteURL(t))
	err := d.inTx(t.Context(), "outer", func(*gorm.DB) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return d.inTx(ctx, "inner", func(*gorm.DB) error { return errors.New("two at once") })
	})
	if !errors.Is(err, m2m.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := d.inTx(t.Context(), "after", func(*gorm.DB) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestPageCostsThreeQueriesHoweverLongItIs(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			by := m2m.Actor{Kind: m2m.Operator}
			var scopes m2m.Scopes
			for i := range 20 {
				id := m2m.MachineID("mch_" + string(slices.Repeat([]byte{'A' + byte(i)}, 27)))
				m := m2m.Machine{ID: id, Name: "m", Endless: true, DefaultFormat: m2m.Opaque, Scopes: scopes}
				row := machines.SecretRow{Hash: secret.HashOf(secret.Text(id)), Sealed: secret.Sealed{Bytes: []byte{1}}}
				if _, err := d.CreateMachine(t.Context(), by, m, row); err != nil {
					t.Fatal(err)
				}
				scopes = append(scopes, id)
			}
			queries := 0
			count := func(*gorm.DB) { queries++ }
			if err := d.gorm.Callback().Query().Before("gorm:query").Register("count", count); err != nil {
				t.Fatal(err)
			}
			page, _, err := d.Machines(t.Context(), machines.Query{Limit: 20})
			if err != nil || len(page) != 20 || queries != 3 {
				t.Errorf("%d machines with %d queries, %v", len(page), queries, err)
			}
		})
	}
}
