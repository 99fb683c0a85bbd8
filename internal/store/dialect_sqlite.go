package store

import (
	"database/sql"
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteGorm is gorm's dialect for modernc.org/sqlite: what queries need and no more. The schema belongs to the migrations.
type sqliteGorm struct{ pool *sql.DB }

// Name is what gorm calls the dialect.
func (sqliteGorm) Name() string { return "sqlite" }

// Initialize registers the clauses. Row locks are dropped: a transaction that writes has the whole file (_txlock=immediate).
func (s sqliteGorm) Initialize(db *gorm.DB) error {
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ClauseBuilders["FOR"] = func(clause.Clause, clause.Builder) {}
	db.ConnPool = s.pool
	return nil
}

// Translate names the constraint errors as gorm does for every database.
func (sqliteGorm) Translate(err error) error {
	sqliteErr, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch sqliteErr.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return gorm.ErrDuplicatedKey
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return gorm.ErrForeignKeyViolated
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return gorm.ErrCheckConstraintViolated
	default:
		return err
	}
}

// BindVarTo writes a placeholder.
func (sqliteGorm) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

// QuoteTo writes a name, of two parts when it has a dot.
func (sqliteGorm) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = w.WriteByte('.')
		}
		_, _ = w.WriteString(`"` + strings.ReplaceAll(part, `"`, `""`) + `"`)
	}
}

// Explain shows a statement without its values.
func (sqliteGorm) Explain(statement string, _ ...any) string { return statement }

// DefaultValueOf is what a column of a row among several gets that has no value.
func (sqliteGorm) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

// DataTypeOf is asked by AutoMigrate, which nobody calls.
func (sqliteGorm) DataTypeOf(field *schema.Field) string { return string(field.DataType) }

// Migrator is gorm's plain one; nobody calls it either.
func (s sqliteGorm) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: s}}
}
