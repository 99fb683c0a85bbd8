package usage

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// errPatience ends a reading that takes too long.
var errPatience = errors.New("out of patience")

// read brings a book up to date, or as far as patience lasts. The caller has the turn.
func (l *Ledger) read(ctx context.Context, month time.Time, b *book) error {
	began := l.now()
	from, end := b.settled, month.AddDate(0, 1, 0)
	if !from.Before(end) {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.asOf, b.recent, b.took = began, nil, 0
		return nil
	}
	r := reading{ledger: l, book: b, meter: b.meter.copied(), at: from, hour: newTally(), open: newTally()}
	r.bound = began.Add(-settledAfter).UTC().Truncate(time.Hour)
	r.recent = b.recent.since(lastHour(began), from)
	err := l.store.UsageRows(ctx, from, end, func(row Row) error {
		// Of the hours that are over at least one is read whole, and of the open ones all: a reading always gets somewhere.
		if row.Hour.Before(r.bound) && b.settled.After(from) && l.now().Sub(began) > patience {
			return errPatience
		}
		return r.take(row, began)
	})
	if errors.Is(err, errPatience) {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.open, b.recent, b.asOf, b.took = newTally(), nil, time.Time{}, 0
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.settle(minTime(r.bound, end)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b.open, b.recent, b.asOf, b.took = r.open, r.recent, began, l.now().Sub(began)
	return nil
}

// reading is one walk through rows that a book does not know for good. Rows come by the hour.
type reading struct {
	ledger *Ledger
	book   *book
	meter  meter
	at     time.Time // of the rows in hour
	bound  time.Time // hours before it are settled
	hour   tally
	open   tally
	recent recent
}

func (r *reading) take(row Row, now time.Time) error {
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
	if row.Operation == m2m.OpVerify && !row.Hour.Before(lastHour(now)) {
		r.recent.add(row)
	}
	return into.add(row, Amounts{Usage: row.Count, Billable: bill.billable, NanoDollars: cost})
}

// settle puts the rows of an hour that has been read whole where they are kept; until is where the next one may begin.
func (r *reading) settle(until time.Time) error {
	if !until.After(r.book.settled) {
		return nil
	}
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	if err := r.book.closed.merge(r.hour); err != nil {
		return err
	}
	// What stood in open for these hours is in closed now: figures are told again when the reading is done.
	r.book.settled, r.book.open, r.book.asOf = until, newTally(), time.Time{}
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
