package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
)

// Whatever is billed is billed by a writer. Writers are few (Options.Writers of them), a transaction has one to itself for as long as it
// lives, and its id is part of the key of every usage row: no two transactions ever meet at a usage row, neither here nor on another
// replica.
//
// A writer also numbers its transactions, in its own row of the table writers. When the answer to a commit is lost, that number tells
// what became of it; until that is known, the writer bills nothing else. A transaction is never repeated: what it verified may have been
// counted, and its callers are told "cannot tell" (m2m.ErrUnavailable) rather than billed twice.

// errStale: the writer's epoch was raised by somebody else, or its row is gone. Nothing was committed.
var errStale = errors.New("usage writer superseded")

// errWarned: the server answered success with a warning, which is how it says that it gave up waiting for its standby.
var errWarned = errors.New("commit confirmed with a warning")

// stamp is what a transaction carries to bill under a writer: it does so only where the writer still has this epoch, and leaves seq
// behind in the same commit.
type stamp struct {
	writer     string
	epoch, seq int64
}

// writer is one of the few. It belongs to whoever took it from the channel.
type writer struct {
	stamp       // of the last transaction
	there  bool // its row is
	doubts bool // whether the last transaction was committed is not known
}

// writers hands them out.
type writers struct {
	free      chan *writer
	committed atomic.Int64 // transactions whose answer was lost and that turned out to be committed
	dropped   atomic.Int64 // those that turned out never to have happened
}

func newWriters(n int) *writers {
	w := &writers{free: make(chan *writer, n)}
	for range n {
		w.free <- &writer{stamp: stamp{writer: rand.Text()}}
	}
	return w
}

// bill runs one transaction with a writer of its own. The error of do is nil only when the transaction was seen to commit, and errStale
// when it wrote nothing because of the stamp.
func (d *DB) bill(ctx context.Context, act string, do func(s stamp) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return nothingDone(act, err)
	}
	defer leave()
	var w *writer
	select {
	case w = <-d.writers.free:
	case <-ctx.Done():
		return nothingDone(act, ctx.Err())
	}
	defer func() { d.writers.free <- w }()
	if err := d.settle(ctx, w); err != nil {
		return nothingDone(act, err)
	}
	w.seq++
	w.doubts = true
	err = d.caught(ctx, act, func() error { return do(w.stamp) })
	switch {
	case err == nil:
		w.doubts = false
		return nil
	case errors.Is(err, errStale):
		*w = writer{stamp: stamp{writer: rand.Text()}}
		return nothingDone(act, fmt.Errorf("%w: %w", m2m.ErrUnavailable, err))
	case undone(err):
		w.doubts = false
		return nothingDone(act, err)
	default:
		return fmt.Errorf("%s: %w: outcome unknown: %s", act, m2m.ErrUnavailable, safeText(err))
	}
}

// caught runs do and makes an error of a panic: nobody may take it for proof that nothing was done, and ask again. Its value may be
// anything, so it is named by its type only (R61).
func (d *DB) caught(ctx context.Context, act string, do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			d.logger.ErrorContext(ctx, "panic in a transaction that bills", "act", act, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic of type %T", v)
		}
	}()
	return do()
}

// settle gives a new writer its row, and finds out what became of a transaction whose answer was lost. Raising the epoch waits for a
// commit that is still under way and shuts out one that has yet to begin, so the number that is read with it is final: the row alone,
// without the epoch, would prove nothing while the old connection may still commit.
func (d *DB) settle(ctx context.Context, w *writer) error {
	if w.there && !w.doubts {
		return nil
	}
	tx := d.gorm.WithContext(ctx)
	if !w.there {
		insert := "INSERT INTO writers (id, created_at) VALUES (?, " + d.dialect.now + ") ON CONFLICT DO NOTHING"
		if err := tx.Exec(insert, w.writer).Error; err != nil {
			return err
		}
		w.there = true
		return nil
	}
	var epoch, seq int64
	err := tx.Raw("UPDATE writers SET epoch = epoch + 1 WHERE id = ? RETURNING epoch, seq", w.writer).Row().Scan(&epoch, &seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil && seq == w.seq {
		d.writers.committed.Add(1)
	} else {
		d.writers.dropped.Add(1)
	}
	if err != nil { // the row is gone, as after a restore: a new writer takes its place
		*w = writer{stamp: stamp{writer: rand.Text()}}
		return d.settle(ctx, w)
	}
	w.epoch, w.doubts = epoch, false
	return nil
}

// Unknown tells how many transactions had their answer lost since the database was opened and were looked up since: committed ones,
// whose verifications were billed although nobody was told, and those that never happened.
func (d *DB) Unknown() (committed, dropped int64) {
	return d.writers.committed.Load(), d.writers.dropped.Load()
}

// Settle looks up every transaction whose answer was lost and that no later call has looked up yet.
func (d *DB) Settle(ctx context.Context) error {
	var errs error
	for range cap(d.writers.free) {
		select {
		case w := <-d.writers.free:
			if w.doubts {
				errs = errors.Join(errs, d.settle(ctx, w))
			}
			d.writers.free <- w
		case <-ctx.Done():
			return outward("settle usage writers", ctx.Err())
		}
	}
	return outward("settle usage writers", errs)
}

// uncommitted marks errors of a transaction that was certainly not committed.
type uncommitted struct{ error }

// Unwrap gives what is marked.
func (n uncommitted) Unwrap() error { return n.error }

// undone tells whether an error proves that the transaction did not commit. Only the server's own ERROR does; it sends FATAL when it goes
// away, which may be after the commit.
func undone(err error) bool {
	if _, ok := errors.AsType[uncommitted](err); ok {
		return true
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.SeverityUnlocalized == "ERROR"
	}
	return pgconn.SafeToRetry(err)
}

func nothingDone(act string, err error) error {
	return fmt.Errorf("%w: %w", tokens.ErrNothingDone, outward(act, err))
}

// writerCount is how many transactions bill at the same time. A SQLite file is written by one at a time anyway.
func writerCount(d dialect, o Options) int {
	switch {
	case d.name == "sqlite":
		return 1
	case o.Writers > 0:
		return o.Writers
	}
	return defaultWriters
}

const defaultWriters = 2
