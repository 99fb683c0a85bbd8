package tokens

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const (
	// countedAnew is after how long a whole count is made again, when somebody looks.
	countedAnew = time.Minute
	// countedTooLong is the age at which a count says nothing any more.
	countedTooLong = 10 * time.Minute
	// tallyDeadline bounds one count: as long as it reads, PostgreSQL keeps the old versions of rows that verifications have replaced.
	tallyDeadline = 10 * time.Second
	// After a count Run rests for tallyRest times as long as it took: counting takes a twentieth of the database's time at most.
	tallyRest = 20
	// tallyMost bounds what is kept and what waits. Who has more than CountedLiving living tokens is rare.
	tallyMost = 1000
)

// Counted is whose living tokens are counted: a machine's, or those that a key has signed.
type Counted struct {
	Machine m2m.MachineID
	Key     m2m.KeyID
}

// Tally counts living tokens where they are too many to be counted while somebody waits: it answers from memory, and whoever asks for what
// it does not know, or knows from too long ago, has it counted by Run. It is safe for concurrent use.
type Tally struct {
	count  func(context.Context, Counted) (int64, error)
	now    func() time.Time
	logger *slog.Logger
	due    chan Counted

	mu   sync.Mutex
	kept map[Counted]*total
}

// total is one counter.
type total struct {
	n       int64
	at      time.Time // when it was counted; zero: not yet
	next    time.Time // not to be counted before
	waiting bool      // to be counted
}

// NewTally makes one that knows nothing yet. count counts all of them, however long it takes.
func NewTally(count func(context.Context, Counted) (int64, error), now func() time.Time, logger *slog.Logger) *Tally {
	return &Tally{count: count, now: now, logger: logger, due: make(chan Counted, tallyMost), kept: map[Counted]*total{}}
}

// Of tells how many there were when they were last counted, and when that was. False: that is not known, or from too long ago.
func (t *Tally) Of(c Counted) (n int64, at time.Time, known bool) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.kept[c]
	if !ok {
		if len(t.kept) >= tallyMost {
			t.forget(now)
		}
		if len(t.kept) >= tallyMost {
			return 0, time.Time{}, false
		}
		k = &total{}
		t.kept[c] = k
	}
	if !k.waiting && !now.Before(k.next) {
		k.waiting = true
		t.due <- c // has room: everything that waits is kept, and waits once
	}
	return k.n, k.at, !k.at.IsZero() && now.Sub(k.at) < countedTooLong
}

// forget drops what nobody has asked for lately.
func (t *Tally) forget(now time.Time) {
	for c, k := range t.kept {
		if !k.waiting && !now.Before(k.next) && now.Sub(k.at) >= countedTooLong {
			delete(t.kept, c)
		}
	}
}

// Run counts what was asked for, one after the other, until ctx is done.
func (t *Tally) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-t.due:
			began := t.now()
			t.do(ctx, c)
			rest := time.NewTimer(tallyRest * t.now().Sub(began))
			select {
			case <-ctx.Done():
			case <-rest.C:
			}
			rest.Stop()
		}
	}
}

func (t *Tally) do(ctx context.Context, c Counted) {
	counting, cancel := context.WithTimeout(ctx, tallyDeadline)
	defer cancel()
	began := t.now()
	n, err := t.caught(counting, c)
	if err != nil && ctx.Err() == nil {
		t.logger.WarnContext(ctx, "living tokens could not be counted", "machine", string(c.Machine), "kid", string(c.Key), "error", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kept[c]
	k.waiting = false
	k.next = t.now().Add(countedAnew)
	if err == nil {
		k.n, k.at = n, began
	}
}

// caught makes an error of a panic: a number on a page is not worth the process. Its value may be anything, so it is named by its type (R61).
func (t *Tally) caught(ctx context.Context, c Counted) (n int64, err error) {
	defer func() {
		if v := recover(); v != nil {
			t.logger.ErrorContext(ctx, "panic while tokens were counted", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic of type %T", v)
		}
	}()
	return t.count(ctx, c)
}
