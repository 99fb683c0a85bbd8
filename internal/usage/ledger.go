package usage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

const (
	// settledAfter is how long after its end nothing is added to an hour any more: a statement that counts runs for seconds at most.
	settledAfter = 10 * time.Minute
	// patience is how long one question may read what it does not know yet. What was read is kept, so the next question goes on there.
	patience = 2 * time.Second
	// What took longer than cheap to read is not read again before restFactor times as long has gone by: whoever looks at figures
	// takes a twentieth of the database's time at most, and verifications have the rest.
	cheap      = 20 * time.Millisecond
	restFactor = 20
	// keptMonths is how many months are remembered.
	keptMonths = 6
)

// Ledger knows what months come to, by hour, machine and pair, without reading them whole each time: hours that are over do not change, so
// each is read once and added up in memory. Its figures are those of Service.Report. It is safe for concurrent use.
type Ledger struct {
	store  Store
	prices PriceList
	now    func() time.Time
	turn   chan struct{} // holds one while books is used
	books  map[time.Time]*book
}

// book is what is known of one month.
type book struct {
	settled time.Time // the rows of earlier hours are in closed
	meter   meter     // as it stood there
	closed  tally
	open    tally // the rows of later hours, as of asOf
	asOf    time.Time
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
	waiting, cancel := context.WithTimeout(ctx, turnWithin+patience)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
	case <-waiting.Done():
		return Statement{}, fmt.Errorf("wait for other readers of usage: %w", m2m.ErrBusy)
	}
	defer func() { <-l.turn }()
	b := l.book(monthOf(of))
	whole := true
	if b.stale(l.now()) {
		var err error
		if whole, err = l.read(ctx, monthOf(of), b); err != nil {
			return Statement{}, fmt.Errorf("read usage: %w", err)
		}
	}
	m := b.statement(monthOf(of), top)
	m.Complete = whole
	l.price(&m)
	return m, nil
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

// errPatience ends a reading that takes too long.
var errPatience = errors.New("out of patience")

// read brings a book up to date, and tells whether it did so wholly.
func (l *Ledger) read(ctx context.Context, month time.Time, b *book) (bool, error) {
	began := l.now()
	end := month.AddDate(0, 1, 0)
	if !b.settled.Before(end) {
		b.asOf = began
		return true, nil
	}
	from := b.settled
	r := reading{book: b, meter: b.meter.copied(), at: b.settled, hour: newTally(), open: newTally()}
	r.bound = began.Add(-settledAfter).UTC().Truncate(time.Hour)
	err := l.store.UsageRows(ctx, b.settled, end, func(row Row) error {
		// Of the hours that are over at least one is read whole, and of the open ones all: a reading always gets somewhere.
		if row.Hour.Before(r.bound) && r.book.settled.After(from) && l.now().Sub(began) > patience {
			return errPatience
		}
		return r.take(row)
	})
	if errors.Is(err, errPatience) {
		b.open, b.asOf, b.took = newTally(), time.Time{}, 0
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.settle(minTime(r.bound, end)); err != nil {
		return false, err
	}
	b.open, b.asOf, b.took = r.open, began, l.now().Sub(began)
	return true, nil
}

// reading is one walk through rows that a book does not know for good. Rows come by the hour.
type reading struct {
	book  *book
	meter meter
	at    time.Time // of the rows in hour
	bound time.Time // hours before it are settled
	hour  tally
	open  tally
}

func (r *reading) take(row Row) error {
	if !row.Hour.Equal(r.at) {
		if err := r.settle(minTime(row.Hour, r.bound)); err != nil {
			return err
		}
		r.at = row.Hour
	}
	into := &r.open
	if row.Hour.Before(r.bound) {
		into = &r.hour
	}
	bill, err := r.meter.settle(row)
	if err != nil {
		return err
	}
	cost, err := multiply(bill.billable, bill.price)
	if err != nil {
		return err
	}
	return into.add(row, Amounts{Usage: row.Count, Billable: bill.billable, NanoDollars: cost})
}

// settle puts the rows of an hour that has been read whole where they are kept; until is where the next one may begin.
func (r *reading) settle(until time.Time) error {
	if !until.After(r.book.settled) {
		return nil
	}
	if err := r.book.closed.merge(r.hour); err != nil {
		return err
	}
	r.book.settled = until
	r.hour = newTally()
	r.book.meter = r.meter.copied()
	return nil
}

// copied gives a meter that goes on on its own.
func (m *meter) copied() meter {
	out := *m
	out.given = maps.Clone(m.given)
	return out
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
