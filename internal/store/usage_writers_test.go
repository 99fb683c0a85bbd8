package store

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/tokens"
)

// billing is a database with tokens and one writer.
type billing struct {
	*DB
	t      *testing.T
	checks []tokens.Check
	before int64
}

func newBilling(t *testing.T, d *DB) *billing {
	t.Helper()
	b := &billing{DB: d, t: t}
	b.checks = population(t, d, 1000, 4)[:8]
	b.before = b.billed()
	return b
}

// billed is what was billed so far.
func (b *billing) billed() int64 {
	b.t.Helper()
	return hot(b.t, b.DB).Int("SELECT coalesce(sum(count), 0) FROM usage WHERE operation = 'verify'") - b.before
}

func (b *billing) check() {
	b.t.Helper()
	verdicts, err := b.CheckTokens(b.t.Context(), b.checks)
	if err != nil || verdicts[0].Record == nil {
		b.t.Fatalf("%v, %v", verdicts, err)
	}
}

func (b *billing) unknown(committed, dropped int64) {
	b.t.Helper()
	if c, d := b.Unknown(); c != committed || d != dropped {
		b.t.Fatalf("%d committed and %d dropped without an answer, want %d and %d", c, d, committed, dropped)
	}
}

func oneWriter() map[string]func(t *testing.T) *DB {
	return map[string]func(t *testing.T) *DB{
		"sqlite": func(t *testing.T) *DB { t.Helper(); return migrated(t, sqliteURL(t)) },
		"postgres": func(t *testing.T) *DB {
			t.Helper()
			return openHot(t, pgtest.FromTemplate(t, migrateURL, pgtest.NoSync), Options{Writers: 1})
		},
	}
}

// R12: a commit whose answer is lost is looked up and never repeated.
func TestALostAnswerIsLookedUpAndNeverRepeated(t *testing.T) {
	for name, open := range oneWriter() {
		t.Run(name, func(t *testing.T) {
			b := newBilling(t, open(t))
			q := fold(b.checks)
			lost := func(do func(stamp) error) {
				t.Helper()
				err := b.bill(t.Context(), "check tokens", do)
				if !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, tokens.ErrNothingDone) {
					t.Fatalf("an unknown outcome reads as %v", err)
				}
				if strings.Contains(err.Error(), "hunter2") { // R61
					t.Errorf("the value of a panic is shown: %v", err)
				}
			}
			send := func(s stamp) (err error) {
				if b.postgres() {
					_, err = b.checkPostgres(t.Context(), q, s)
				} else {
					_, err = b.checkSQLite(t.Context(), q, s)
				}
				return err
			}
			lost(func(s stamp) error { return errors.Join(send(s), io.ErrUnexpectedEOF) })
			b.unknown(0, 0)
			b.check()
			b.unknown(1, 0)
			var late stamp
			lost(func(s stamp) error { late = s; return io.ErrUnexpectedEOF })
			if err := b.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.unknown(1, 1)
			if err := send(late); !errors.Is(err, errStale) {
				t.Errorf("what was looked up and not found arrives after all: %v", err)
			}
			b.check()
			b.unknown(1, 1)
			lost(func(s stamp) error { panic(errors.Join(errors.New("hunter2"), send(s))) })
			b.check()
			b.unknown(2, 1)
			if got := b.billed(); got != 5*8 {
				t.Errorf("%d billed, 5 batches of 8 were committed", got)
			}
		})
	}
}

// R12: what a writer sends late, after somebody looked up what became of it, is committed nowhere and confirmed to nobody.
func TestAWriterWhoseEpochWasRaisedBillsNothing(t *testing.T) {
	for name, open := range oneWriter() {
		for how, statement := range map[string]string{"raised": "UPDATE writers SET epoch = epoch + 1", "gone": "DELETE FROM writers"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				b := newBilling(t, open(t))
				h := hot(t, b.DB)
				h.Exec("UPDATE tokens SET last_used_at = NULL")
				h.Exec(statement)
				_, err := b.CheckTokens(t.Context(), b.checks)
				if !errors.Is(err, m2m.ErrUnavailable) || !errors.Is(err, tokens.ErrNothingDone) {
					t.Fatal(err)
				}
				if n := h.Int("SELECT count(*) FROM tokens WHERE last_used_at IS NOT NULL"); b.billed() != 0 || n != 0 {
					t.Errorf("%d billed, %d tokens touched", b.billed(), n)
				}
				h.Exec(statement) // no writer has it: the next one is new
				b.check()
				if b.billed() != 8 {
					t.Errorf("%d billed of 8", b.billed())
				}
				h.Exec(statement)
				n := newToken("late")
				if _, err := b.RecordTokens(t.Context(), []tokens.NewRecord{n}); !errors.Is(err, tokens.ErrNothingDone) {
					t.Fatal(err)
				}
				if h.Int("SELECT count(*) FROM tokens WHERE id = ?", string(n.Grant.ID)) != 0 {
					t.Error("recorded all the same")
				}
			})
		}
	}
}

// R12: a server that goes away while it works leaves an unknown outcome, which is found out before the writer bills again.
func TestACutConnectionLeavesAnUnknownOutcome(t *testing.T) {
	b := newBilling(t, oneWriter()["postgres"](t))
	held := b.gorm.Begin()
	if err := held.Exec("UPDATE writers SET seq = seq").Error; err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := b.CheckTokens(t.Context(), b.checks)
		failed <- err
	}()
	h := hot(t, b.DB)
	const waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for h.Int("SELECT count(*) "+waiting) == 0 {
		time.Sleep(time.Millisecond) // until it waits for the lock
	}
	h.Int("SELECT count(pg_terminate_backend(pid)) " + waiting)
	if err := <-failed; !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, tokens.ErrNothingDone) {
		t.Fatal(err)
	}
	if err := held.Rollback().Error; err != nil {
		t.Fatal(err)
	}
	b.check()
	b.unknown(0, 1)
	if b.billed() != 8 {
		t.Errorf("%d billed of 8", b.billed())
	}
}

// R12: "success, but the standby may not have it" is not success.
func TestAWarningIsAnUnknownOutcome(t *testing.T) {
	b := newBilling(t, oneWriter()["postgres"](t))
	warn := func(c *pgx.Conn) error {
		_, err := c.Exec(t.Context(), "DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; END $$")
		return err
	}
	err := b.bill(t.Context(), "check tokens", func(stamp) error { return b.billPgx(t.Context(), warn) })
	if !errors.Is(err, m2m.ErrUnavailable) || errors.Is(err, tokens.ErrNothingDone) {
		t.Fatal(err)
	}
	b.check() // on the same connection: the warning is forgotten
	b.unknown(0, 1)
}

func TestACallThatCannotBeginDidNothing(t *testing.T) {
	for name, open := range oneWriter() {
		t.Run(name, func(t *testing.T) {
			b := newBilling(t, open(t))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := b.CheckTokens(ctx, b.checks); !errors.Is(err, m2m.ErrUnavailable) || !errors.Is(err, tokens.ErrNothingDone) {
				t.Errorf("cancelled: %v", err)
			}
			w := <-b.writers.free // everybody is busy
			short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := b.CheckTokens(short, b.checks); !errors.Is(err, m2m.ErrUnavailable) || !errors.Is(err, tokens.ErrNothingDone) {
				t.Errorf("no writer: %v", err)
			}
			b.writers.free <- w
			b.check()
			if b.billed() != 8 {
				t.Errorf("%d billed of 8", b.billed())
			}
		})
	}
}

// The last use that another replica has just written is not written over, even by a statement whose snapshot is older.
func TestLastUseIsJudgedAgainUnderTheLock(t *testing.T) {
	b := newBilling(t, oneWriter()["postgres"](t))
	h := hot(t, b.DB)
	h.Exec("UPDATE tokens SET last_used_at = NULL")
	held := b.gorm.Begin()
	if err := held.Exec("UPDATE writers SET seq = seq").Error; err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := b.CheckTokens(t.Context(), b.checks)
		done <- err
	}()
	for h.Int("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		time.Sleep(time.Millisecond) // until it has its snapshot and waits for its writer
	}
	const theirs = "(SELECT CAST(floor(extract(epoch FROM now()) * 1000) AS BIGINT) / 60000 * 60000 + 60001)"
	h.Exec("UPDATE tokens SET last_used_at = " + theirs)
	if err := held.Rollback().Error; err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := h.Int("SELECT count(*) FROM tokens WHERE last_used_at % 60000 <> 1"); n != 0 || b.billed() != 8 {
		t.Errorf("%d written over, %d billed of 8", n, b.billed())
	}
}
