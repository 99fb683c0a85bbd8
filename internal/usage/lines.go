package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// errFull ends the reading of a slice that holds as much as it may.
var errFull = errors.New("slice is full")

// Lines gives the lines of a report of any size, in the report's order, to each in slices of a bounded size: what is given is forgotten. Other
// reports have their turn in between, so figures of an hour that is not over are as of when they were read. Errors are those of Report, but for
// MaxLines, and those of each, which end it; m2m.ErrBusy comes before the first line or not at all.
func (s *Service) Lines(ctx context.Context, caller m2m.Caller, q Query, each func([]Line) error) error {
	if !caller.Known() {
		return m2m.ErrUnauthenticated
	}
	if err := q.check(); err != nil {
		return err
	}
	w := walk{Service: s, caller: caller, query: q, next: mark{at: q.Start, meter: meter{prices: s.prices}}}
	if s.prices.givesAllowance() {
		w.next.at = monthOf(q.Start) // what was free earlier in the month is not free again
	}
	for w.next.at.Before(q.End) {
		lines, err := w.slice(ctx)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			continue
		}
		if err := each(lines); err != nil {
			return err
		}
	}
	return nil
}

// walk is one way through a report.
type walk struct {
	*Service
	caller m2m.Caller
	query  Query
	next   mark // where the next slice begins
	waits  bool // for its turn, however long
}

// mark is a place between two lines.
type mark struct {
	at    time.Time // rows of earlier hours are in meter
	meter meter
	after *Group // of the interval that begins there, groups up to this one were given; nil: none was
}

// part is lines while they are added up: whole intervals, and one that is open.
type part struct {
	*walk
	meter meter
	whole []Line
	begun mark // of the open interval
	start time.Time
	open  map[Group]Amounts
	until *Group // groups of the open interval beyond it are left to the next slice; nil: none is
}

// slice reads until there are enough lines, and moves on to where the next slice begins. A turn ends at the first hour that is over when
// patience is; what was added up until then is kept.
func (w *walk) slice(ctx context.Context) ([]Line, error) {
	p := part{walk: w, meter: w.next.meter.copied(), begun: w.next, open: map[Group]Amounts{}}
	for at := w.next.at; at.Before(w.query.End); {
		var err error
		if at, err = p.read(ctx, at); errors.Is(err, errFull) {
			w.next = p.begun
			return p.whole, nil
		}
		if errors.Is(err, errTooMuch) {
			return nil, wrong("end", "is too far from start: the sums would pass 9223372036854775807")
		}
		if err != nil {
			return nil, fmt.Errorf("read usage: %w", err)
		}
	}
	p.close(mark{at: w.query.End})
	w.next = p.begun
	return p.whole, nil
}

// read has one turn, and tells at which hour the next one begins.
func (p *part) read(ctx context.Context, from time.Time) (time.Time, error) {
	if err := p.wait(ctx); err != nil {
		return from, err
	}
	defer func() { <-p.turn }()
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	patient, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	at := from
	err := p.store.UsageRows(ctx, from, p.query.End, func(r Row) error {
		over := r.Hour.After(at) && at.After(from) // at least one hour is read whole
		at = r.Hour
		if over && patient.Err() != nil {
			return errPatience
		}
		return p.take(r)
	})
	if errors.Is(err, errPatience) {
		return at, nil
	}
	return p.query.End, err
}

// wait takes a turn: the first one soon or never, as a report does.
func (p *part) wait(ctx context.Context) error {
	if !p.waits {
		p.waits = true
		return p.Service.take(ctx)
	}
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other reports: %w", ctx.Err())
	}
}

// take adds a row to the line of its group.
func (p *part) take(r Row) error {
	if start := p.query.bucket(r.Hour); !r.Hour.Before(p.query.Start) && !start.Equal(p.start) {
		if !p.start.IsZero() && p.close(mark{at: r.Hour, meter: p.meter.copied()}) {
			return errFull
		}
		p.start = start
	}
	bill, err := p.meter.settle(r)
	if err != nil || r.Hour.Before(p.query.Start) || !sees(p.caller, r) {
		return err
	}
	g := p.query.GroupBy.of(r)
	if p.begun.after != nil && g.compare(*p.begun.after) <= 0 || p.until != nil && g.compare(*p.until) > 0 {
		return nil
	}
	known, ok := p.open[g]
	if !ok && len(p.whole) > 0 && len(p.whole)+len(p.open) >= p.most {
		return errFull
	}
	cost, err := multiply(bill.billable, bill.price)
	if err != nil {
		return err
	}
	if p.open[g], err = known.plus(Amounts{Usage: r.Count, Billable: bill.billable, NanoDollars: cost}); err != nil {
		return err
	}
	if len(p.open) > 2*p.most {
		p.shed()
	}
	return nil
}

// shed leaves the later half of an interval's groups to the next slice: it has more than one slice holds.
func (p *part) shed() {
	groups := slices.SortedFunc(maps.Keys(p.open), Group.compare)
	last := groups[p.most-1]
	p.until = &last
	for _, g := range groups[p.most:] {
		delete(p.open, g)
	}
}

// close ends the open interval, and tells whether there are enough lines. The next slice begins at next, or within this interval if groups of
// it were left out.
func (p *part) close(next mark) (full bool) {
	for _, g := range slices.SortedFunc(maps.Keys(p.open), Group.compare) {
		p.whole = append(p.whole, Line{Start: p.start, Group: g, Amounts: p.open[g]})
	}
	clear(p.open)
	if p.until != nil {
		p.begun.after = p.until
		return true
	}
	p.begun = next
	return len(p.whole) >= p.most
}

// compare is the order of the lines of one interval.
func (g Group) compare(b Group) int {
	return cmp.Or(cmp.Compare(g.Machine, b.Machine), cmp.Compare(g.Receiver, b.Receiver), cmp.Compare(g.Format, b.Format), cmp.Compare(g.Operation, b.Operation))
}
