package usage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const (
	// settledAfter is how long after its end nothing is added to an hour any more: a statement that counts runs for seconds at most.
	settledAfter = 10 * time.Minute
	// patience is how long one question may read what it does not know yet. What was read is kept, so the next question goes on there.
	patience = 2 * time.Second
	// What took longer than cheap to read is not read again before restFactor times as long has gone by: whoever looks at figures
	// takes a twentieth of the database's time at most, and verifications have the rest. Such figures are read by Run, beside the
	// questions; a question waits for them only when they are older than tooOld.
	cheap      = 20 * time.Millisecond
	restFactor = 20
	tooOld     = 2 * time.Minute
	// Run looks every tick at the months that somebody asked about within lookedAt.
	tick     = 15 * time.Second
	lookedAt = 15 * time.Minute
	// keptMonths is how many months are remembered.
	keptMonths = 6
)

// Ledger knows what months come to, by hour, machine and pair, without reading them whole each time: hours that are over do not change, so
// each is read once and added up in memory. Its figures are those of Service.Report. It is safe for concurrent use.
type Ledger struct {
	store  Store
	prices PriceList
	now    func() time.Time
	turn   chan struct{} // holds one while rows are read

	mu      sync.Mutex // of what follows and what is in it; only who has the turn changes a book
	books   map[time.Time]*book
	traffic traffic
}

// book is what is known of one month.
type book struct {
	settled time.Time // the rows of earlier hours are in closed
	meter   meter     // as it stood there
	closed  tally
	open    tally // the rows of later hours, as of asOf
	recent  recent
	asOf    time.Time     // zero: open is not known
	took    time.Duration // to read open
	used    time.Time
}

// NewLedger makes a ledger over the rows of store that knows nothing yet.
func NewLedger(store Store, prices PriceList, now func() time.Time) *Ledger {
	return &Ledger{
		store: store, prices: PriceList{prices: prices.priceSteps(), allowances: prices.allowanceSteps()}, now: now,
		turn: make(chan struct{}, 1), books: map[time.Time]*book{},
	}
}

// Month tells what the UTC month of a moment comes to so far, with at most top machines and pairs. m2m.ErrBusy: others are asking at this
// moment. A month of which much is not known yet is told as far as it was read in two seconds (Statement.Complete).
func (l *Ledger) Month(ctx context.Context, of time.Time, top int) (Statement, error) {
	month := monthOf(of)
	b, err := l.current(ctx, month)
	if err != nil {
		return Statement{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m := b.statement(month, top)
	l.price(&m)
	return m, nil
}

// Run goes on reading what was not known wholly, and keeps fresh what was dear to read, as long as it is looked at and until ctx ends. What cannot be read stays as it was, and says its age.
func (l *Ledger) Run(ctx context.Context) error {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		for _, month := range l.lookedAt() {
			_ = l.refresh(ctx, month, func(b *book, now time.Time) bool { return b.asOf.IsZero() || b.took > cheap && b.stale(now) })
		}
	}
}

// lookedAt gives the months that somebody asked about lately.
func (l *Ledger) lookedAt() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []time.Time
	for month, b := range l.books {
		if l.now().Sub(b.used) < lookedAt {
			out = append(out, month)
		}
	}
	return out
}

// current finds what is known of a month, and reads what a question has to wait for.
func (l *Ledger) current(ctx context.Context, month time.Time) (*book, error) {
	l.mu.Lock()
	b := l.book(month)
	behind := b.behind(l.now())
	l.mu.Unlock()
	if !behind {
		return b, nil
	}
	waiting, cancel := context.WithTimeout(ctx, turnWithin+patience)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
	case <-waiting.Done():
		return nil, fmt.Errorf("wait for other readers of usage: %w", m2m.ErrBusy)
	}
	<-l.turn
	return b, l.refresh(ctx, month, (*book).behind)
}

// refresh reads a month if it is still due when its turn has come.
func (l *Ledger) refresh(ctx context.Context, month time.Time, due func(*book, time.Time) bool) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for other readers of usage: %w", m2m.ErrBusy)
	}
	defer func() { <-l.turn }()
	l.mu.Lock()
	b := l.books[month]
	l.mu.Unlock()
	if b == nil || !due(b, l.now()) {
		return nil
	}
	if err := l.read(ctx, month, b); err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	return nil
}

// book finds or begins what is known of a month, and forgets the month that was asked for the longest ago when there are too many.
func (l *Ledger) book(month time.Time) *book {
	b := l.books[month]
	if b == nil {
		b = &book{settled: month, meter: meter{prices: l.prices}, closed: newTally(), open: newTally()}
		l.books[month] = b
	}
	b.used = l.now()
	if len(l.books) > keptMonths {
		oldest := month
		for at, other := range l.books {
			if other.used.Before(l.books[oldest].used) {
				oldest = at
			}
		}
		delete(l.books, oldest)
	}
	return b
}

// stale tells whether there may be more to know than b does.
func (b *book) stale(now time.Time) bool {
	rest := time.Duration(0)
	if b.took > cheap {
		rest = b.took * restFactor
	}
	return b.asOf.IsZero() || now.Sub(b.asOf) >= rest
}

// behind tells whether a question has to wait for what there is to know.
func (b *book) behind(now time.Time) bool {
	return b.stale(now) && (b.asOf.IsZero() || b.took <= cheap || now.Sub(b.asOf) > tooOld)
}
