package usage

import (
	"math"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Outlook is one operation's allowance, and what is to be expected of the month at the pace so far.
type Outlook struct {
	Rate             // of the last hour that was read
	FreeLeft int64   // of the month's allowance
	Pace     float64 // operations that count against it, an hour
	PaceOf   time.Duration
	// ExpectedNanoDollars is the amount so far, and Pace for every hour until the month's end at that hour's price, what is free left out.
	// It is an estimate, and rounded. Without a day to go by it is the amount so far, and PaceOf is zero.
	ExpectedNanoDollars int64
}

// paceSpan is how far back the pace looks: a week, so that working days and weekends are both in it, but not beyond the first hour in which
// anything was counted: before that there was nobody to count. shortestPace is what a guess needs at least: both of day and night.
const (
	paceSpan     = 7 * 24 * time.Hour
	shortestPace = 24 * time.Hour
)

// price fills in what follows from the price list.
func (l *Ledger) price(m *Statement) {
	m.Create = l.outlook(m, m2m.OpCreate)
	m.Verify = l.outlook(m, m2m.OpVerify)
}

// outlook looks ahead for one operation. The hours to come are priced one by one, so a price that changes within the month is in it.
func (l *Ledger) outlook(m *Statement, op m2m.Operation) Outlook {
	now := m.AsOf.UTC().Truncate(time.Hour)
	if m.AsOf.IsZero() {
		now = m.Settled
	}
	now = minTime(now, m.End.Add(-time.Hour))
	spent := m.metered(op)
	given := spent.Usage - spent.Billable
	out := Outlook{Rate: l.prices.At(now, op), ExpectedNanoDollars: spent.NanoDollars}
	out.FreeLeft = max(0, out.Free-given)
	pace := min(now.Sub(m.firstCounted(now)), paceSpan)
	if pace < shortestPace || m.over() {
		return out
	}
	out.PaceOf = pace
	var seen int64
	for _, h := range m.Hours {
		if !h.Start.Before(now.Add(-out.PaceOf)) && h.Start.Before(now) {
			seen += h.metered(op).Usage
		}
	}
	out.Pace = float64(seen) / out.PaceOf.Hours()
	free, expected := float64(given), float64(spent.NanoDollars)
	for at := now.Add(time.Hour); at.Before(m.End); at = at.Add(time.Hour) {
		rate := l.prices.At(at, op)
		gift := min(out.Pace, max(0, float64(rate.Free)-free))
		free += gift
		expected += (out.Pace - gift) * float64(rate.NanoDollars)
	}
	if expected < math.MaxInt64 {
		out.ExpectedNanoDollars = int64(math.Round(expected))
	}
	return out
}

// firstCounted is the first hour of the month in which anything was counted, or now.
func (m *Statement) firstCounted(now time.Time) time.Time {
	for _, h := range m.Hours {
		now = minTime(now, h.Start)
	}
	return now
}

// over tells whether nothing can be added to the month any more.
func (m *Statement) over() bool { return !m.Settled.Before(m.End) }

// metered gives what counts against the allowance: creations of both formats, verifications of opaque tokens.
func (k Kinds) metered(op m2m.Operation) Amounts {
	if op == m2m.OpCreate {
		return k.Created()
	}
	return k.VerifiedOpaque
}
