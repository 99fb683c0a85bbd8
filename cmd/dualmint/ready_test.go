package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// A database that was put back to an older schema is no place to send requests to; one that a newer replica has migrated still is, until that
// replica has taken over.
func TestReadyLooksAtTheSchema(t *testing.T) {
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var have int64 = 7
	var asked int
	var broken error
	s := &schemaCheck{
		now:     func() time.Time { return clock },
		version: func(context.Context) (int64, int64, error) { asked++; return have, 7, broken },
	}
	for range 3 {
		if err := s.check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times within a moment", asked)
	}
	clock, have = clock.Add(schemaAge), 6
	for range 2 {
		if err := s.check(t.Context()); err == nil || !strings.Contains(err.Error(), "version 6") {
			t.Errorf("an older schema: %v", err)
		}
	}
	if have = 8; s.check(t.Context()) != nil {
		t.Error("a newer schema: not ready")
	}
	clock, broken = clock.Add(schemaAge), errors.New("no connection")
	if err := s.check(t.Context()); !errors.Is(err, broken) {
		t.Errorf("a version that cannot be read: %v", err)
	}
}

// R43: a replica whose copy of the signing keys is too old to be served says that it is not ready. (Its clock is off by as much here, which
// is another reason, and looks otherwise.)
func TestAReplicaWithAnOldCopyOfTheRingIsNotReady(t *testing.T) {
	var ahead time.Duration
	p := &program{
		environ: []string{"DUALMINT_LOG_LEVEL=error"}, dir: t.TempDir(), in: strings.NewReader(""), out: new(shared), err: new(shared),
		now: func() time.Time { return time.Now().Add(ahead) },
	}
	c, err := p.loadSettings()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnsureKeys(); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	s, err := p.assemble(t.Context(), c, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ahead = 0
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.ready(t.Context()); err != nil {
		t.Fatalf("right after the start: %v", err)
	}
	if ahead = c.keyPolicy.Lease + time.Minute; !errors.Is(s.ready(t.Context()), m2m.ErrUnavailable) {
		t.Error("with an old copy of the ring: ready, or for want of something else")
	}
}

// books is a database whose commits lost their answers.
type books struct {
	did                string
	committed, dropped int64
	settle             error
}

func (b *books) Settle(context.Context) error { b.did += "settle "; return b.settle }
func (b *books) Unknown() (int64, int64)      { b.did += "count "; return b.committed, b.dropped }
func (b *books) Close() error                 { b.did += "close"; return nil }

// What was billed without an answer is looked up before the end, and told.
func TestTheEndTellsOfTransactionsWhoseAnswerWasLost(t *testing.T) {
	for _, c := range []struct {
		books
		lines int
	}{
		{books{}, 0}, {books{committed: 2, dropped: 1}, 1}, {books{committed: 1}, 1}, {books{settle: errors.New("gone"), dropped: 1}, 2},
	} {
		log := new(shared)
		err := closeBooks(t.Context(), &c.books, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil || c.did != "settle count close" || strings.Count(log.String(), "\n") != c.lines {
			t.Errorf("%+v: %v\n%s", c.books, err, log)
		}
		if c.committed == 2 && !strings.Contains(log.String(), "committed_and_billed=2 not_committed=1") {
			t.Errorf("log %s", log)
		}
	}
}
