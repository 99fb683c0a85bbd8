package usage

import (
	"cmp"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Amounts is what was used and what it costs.
type Amounts struct {
	Usage       int64 // everything that was counted
	Billable    int64 // what is billed of it, beyond the allowance
	NanoDollars int64 // what that costs at the prices of its hours
}

// plus adds up, and fails rather than wrap around.
func (a Amounts) plus(b Amounts) (Amounts, error) {
	var sum Amounts
	var err error
	if sum.Usage, err = add(a.Usage, b.Usage); err != nil {
		return Amounts{}, err
	}
	sum.Billable = a.Billable + b.Billable // never more than Usage
	if sum.NanoDollars, err = add(a.NanoDollars, b.NanoDollars); err != nil {
		return Amounts{}, err
	}
	return sum, nil
}

// meter uses up each month's allowance in the order of the rows. It must see every row from the month's start, those of all machines,
// or what it says of a later one is wrong.
type meter struct {
	prices PriceList
	last   Row
	given  map[m2m.Operation]int64 // what was free so far in the month of last
}

// settlement is how many of a row's operations are billed, and the price of each.
type settlement struct {
	billable int64
	price    int64
}

// settle takes the next row. An allowance that changes within a month counts what the month has already given.
func (m *meter) settle(r Row) (settlement, error) {
	if err := m.follow(r); err != nil {
		return settlement{}, err
	}
	if !billed(r) {
		return settlement{}, nil
	}
	rate := m.prices.At(r.Hour, r.Operation)
	free := min(r.Count, max(0, rate.Free-m.given[r.Operation]))
	m.given[r.Operation] += free
	return settlement{billable: r.Count - free, price: rate.NanoDollars}, nil
}

// follow refuses a row that means nothing here or comes out of order: a report is right or it is not given.
func (m *meter) follow(r Row) error {
	_, known := m2m.ParseFormat(string(r.Format))
	if !known || r.Operation != m2m.OpCreate && r.Operation != m2m.OpVerify || r.Count < 0 {
		return fmt.Errorf("usage row of %s: cannot be read", r.Hour.Format(time.RFC3339))
	}
	if cmp.Or(r.Hour.Compare(m.last.Hour), cmp.Compare(r.Machine, m.last.Machine), cmp.Compare(r.Receiver, m.last.Receiver),
		cmp.Compare(r.Operation, m.last.Operation), cmp.Compare(r.Format, m.last.Format)) < 0 {
		return fmt.Errorf("usage row of %s: out of order", r.Hour.Format(time.RFC3339))
	}
	if m.given == nil || !monthOf(r.Hour).Equal(monthOf(m.last.Hour)) {
		m.given = map[m2m.Operation]int64{}
	}
	m.last = r
	return nil
}

// billed is the rule of what is billed: every creation, and every verification of an opaque token (only successful ones are counted).
// A JWT is meant to be checked offline: the checks that pass here are counted and cost nothing.
func billed(r Row) bool {
	return r.Operation == m2m.OpCreate || r.Format == m2m.Opaque
}

// monthOf gives the first hour of the UTC month.
func monthOf(t time.Time) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}
