package store

import (
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/machines"
)

// Lists stay fast because every page begins in the middle of an index; a plan that sorts or reads a table from its beginning would not.
func TestPagesBeginInTheMiddleOfAnIndex(t *testing.T) {
	d := open(t, sqliteURL(t))
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	place := strings.Repeat("0", 27)
	inLivingTokens := []string{"tokens_living (machine_id=? AND expires_at=?)", "tokens_living (machine_id=? AND expires_at>?)"}
	for name, c := range map[string]struct {
		query string
		args  []any
		index []string
	}{
		"living tokens":  {livingSQL, []any{"m", 9, "m", 1, 9}, inLivingTokens},
		"counted tokens": {countedSQL, []any{"m", 9, "m", 1, 9}, inLivingTokens},
		"machines by age": {
			"SELECT id FROM machines WHERE " + living + " AND " + behind(false, false) + " ORDER BY " + order(machines.Query{}) + " LIMIT 3",
			[]any{place},
			[]string{"machines_by_age"},
		},
		"machines by name": {
			"SELECT id, default_ttl FROM machines WHERE " + living + " AND " + behind(true, true) + " ORDER BY " + order(machines.Query{ByName: true, Asc: true}) + " LIMIT 3",
			[]any{place},
			[]string{"machines_by_name"},
		},
		"tokens of a machine": {
			"SELECT " + tokenColumns + " FROM tokens t WHERE t.machine_id = ? AND " + tokenBehind(false) + " ORDER BY " + tokenOrder(false) + " LIMIT 3",
			[]any{"m", place},
			[]string{"tokens_by_machine (machine_id=? AND"},
		},
	} {
		plan := sqlitePlan(t, d, c.query, c.args)
		for _, index := range c.index {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %s:\n%s", name, index, plan)
			}
		}
		if strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s sorts:\n%s", name, plan)
		}
	}
}

// The machine page waits for this count. The plan does not call the index covering, since revoked_at is not in it; but SQLite puts the
// seek of a row off until a column of it is asked for, and the program must never ask.
func TestLivingTokensAreCountedOnTheIndexAlone(t *testing.T) {
	d := open(t, sqliteURL(t))
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := d.sql.QueryContext(t.Context(), "EXPLAIN SELECT count(*) FROM ("+countedSQL+") living", "m", 9, "m", 1, 9)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	putOff, read := map[int]bool{}, map[int]bool{}
	for rows.Next() {
		var addr, p1, p2, p3 int
		var opcode string
		var rest any
		if err := rows.Scan(&addr, &opcode, &p1, &p2, &p3, &rest, &rest, &rest); err != nil {
			t.Fatal(err)
		}
		switch opcode {
		case "DeferredSeek":
			putOff[p3] = true
		case "Column":
			read[p1] = true
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(putOff) != 2 {
		t.Errorf("%d seeks of rows are put off, not the two of the two ranges", len(putOff))
	}
	for cursor := range putOff {
		if read[cursor] {
			t.Error("a row is read for each token that is counted")
		}
	}
}

// sqlitePlan says how SQLite would answer a query, a step a line.
func sqlitePlan(t *testing.T, d *DB, query string, args []any) string {
	t.Helper()
	rows, err := d.sql.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
