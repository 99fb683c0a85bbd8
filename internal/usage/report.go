package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// MaxLines is how many lines one report may have. Without groups it is never reached: a span has at most 26,304 hours.
const MaxLines = 50_000

// linesASlice is how many lines are held in memory where there may be any number of them.
const linesASlice = 20_000

// Reports read much and share database and processors with verifications, which go first: one report at a time is made, and it may not
// take for ever. Whoever waits longer for a turn is told to come back.
const (
	turnWithin   = 900 * time.Millisecond
	reportWithin = 20 * time.Second
)

// Service prices what was counted. It is safe for concurrent use.
type Service struct {
	store    Store
	prices   PriceList
	turn     chan struct{} // holds one while a report is made
	most     int           // lines of a slice, or twice as many
	patience time.Duration // with a slice
}

// New makes a service over the rows of store.
func New(store Store, prices PriceList) *Service {
	return &Service{
		store: store, prices: PriceList{prices: prices.priceSteps(), allowances: prices.allowanceSteps()}, turn: make(chan struct{}, 1),
		most: linesASlice, patience: patience,
	}
}

// Report is what was used in a span, by interval and group. The lines add up to Total exactly; intervals and groups in which nothing
// was counted have no line.
type Report struct {
	Query
	Lines []Line // by Start, then machine, receiver, format, operation, bytewise
	Total Amounts
}

// Line is one interval of one group.
type Line struct {
	Start time.Time // of the interval, or of the report where that begins within one
	Group
	Amounts
}

// Group tells whose line it is. What the query does not group by is empty; so is the receiver of a creation and of the operator's
// own verifications.
type Group struct {
	Machine   m2m.MachineID
	Receiver  m2m.MachineID
	Format    m2m.Format
	Operation m2m.Operation
}

// Report counts and prices a span. The operator sees everything, a machine the rows in which it is machine or receiver, with the
// amounts that those rows have in the whole: the monthly allowance is one for all. m2m.ErrUnauthenticated: the caller is nobody. A
// *m2m.FieldError: the query is out of bounds, its answer has more than MaxLines lines, or its sums pass an int64. m2m.ErrBusy: other reports are
// being made.
func (s *Service) Report(ctx context.Context, caller m2m.Caller, q Query) (Report, error) {
	if !caller.Known() {
		return Report{}, m2m.ErrUnauthenticated
	}
	if err := q.check(); err != nil {
		return Report{}, err
	}
	if err := s.take(ctx); err != nil {
		return Report{}, err
	}
	defer func() { <-s.turn }()
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	from := q.Start
	if s.prices.givesAllowance() {
		from = monthOf(q.Start) // what was free earlier in the month is not free again
	}
	m := meter{prices: s.prices}
	c := collector{report: Report{Query: q}, open: map[Group]int{}}
	err := s.store.UsageRows(ctx, from, q.End, func(r Row) error {
		bill, err := m.settle(r)
		if err != nil || r.Hour.Before(q.Start) || !sees(caller, r) {
			return err
		}
		return c.add(r, bill)
	})
	if errors.Is(err, errTooMuch) {
		return Report{}, wrong("end", "is too far from start: the sums would pass 9223372036854775807")
	}
	if err != nil {
		return Report{}, fmt.Errorf("read usage: %w", err)
	}
	return c.finish(), nil
}

// take waits for this report's turn.
func (s *Service) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other reports: %w", m2m.ErrBusy)
	}
}

// sees tells whether a row is the caller's business.
func sees(caller m2m.Caller, r Row) bool {
	if caller.Instance {
		return true
	}
	id := caller.MachineID()
	return id != "" && (r.Machine == id || r.Receiver == id)
}

// collector adds rows up into lines. Rows come by the hour, so only one interval is open at a time.
type collector struct {
	report Report
	open   map[Group]int // lines of the open interval
	first  int           // where the open interval's lines begin
}

func (c *collector) add(r Row, bill settlement) error {
	cost, err := multiply(bill.billable, bill.price)
	if err != nil {
		return err
	}
	amounts := Amounts{Usage: r.Count, Billable: bill.billable, NanoDollars: cost}
	// No line exceeds the total, so this one check is enough for all of them.
	if c.report.Total, err = c.report.Total.plus(amounts); err != nil {
		return err
	}
	line, err := c.line(c.report.bucket(r.Hour), c.report.GroupBy.of(r))
	if err != nil {
		return err
	}
	line.Amounts, err = line.plus(amounts)
	return err
}

// line finds the line of a group, or begins it.
func (c *collector) line(start time.Time, g Group) (*Line, error) {
	lines := c.report.Lines
	if c.first < len(lines) && !lines[c.first].Start.Equal(start) {
		c.close()
	}
	i, ok := c.open[g]
	if ok {
		return &lines[i], nil
	}
	if len(lines) == MaxLines {
		return nil, wrong("group_by", fmt.Sprintf("gives more than %d rows: choose fewer groups, a longer interval or a shorter span", MaxLines))
	}
	c.open[g] = len(lines)
	c.report.Lines = append(lines, Line{Start: start, Group: g})
	return &c.report.Lines[len(lines)], nil
}

// close puts the open interval's lines in order.
func (c *collector) close() {
	slices.SortFunc(c.report.Lines[c.first:], func(a, b Line) int { return a.compare(b.Group) })
	c.first = len(c.report.Lines)
	clear(c.open)
}

func (c *collector) finish() Report {
	c.close()
	return c.report
}

// of gives the group of a row.
func (g Groups) of(r Row) Group {
	var out Group
	if g.Machine {
		out.Machine = r.Machine
	}
	if g.Receiver {
		out.Receiver = r.Receiver
	}
	if g.Format {
		out.Format = r.Format
	}
	if g.Operation {
		out.Operation = r.Operation
	}
	return out
}
