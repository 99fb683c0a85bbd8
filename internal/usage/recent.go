package usage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Traffic is what one machine's tokens were verified by another in the last hour.
type Traffic struct {
	Machine  m2m.MachineID
	Receiver m2m.MachineID
	Verified int64
}

// LastHour gives what machines verified of each other in the hour under way and the one before it: what is counted is counted by the hour.
// since is where that begins; in the first hour of a month it is the month's start. The busiest pairs come first; they are added up and put
// in order once for each reading, so they are nobody's to change. Errors are those of Month.
func (l *Ledger) LastHour(ctx context.Context) (pairs []Traffic, since time.Time, err error) {
	month := monthOf(l.now())
	b, err := l.current(ctx, month)
	if err != nil {
		return nil, time.Time{}, err
	}
	since = lastHour(l.now())
	if since.Before(month) {
		since = month
	}
	sums := map[pair]int64{}
	l.mu.Lock()
	of := trafficOf{b, b.asOf, since}
	if of == l.traffic.of {
		pairs = l.traffic.pairs
		l.mu.Unlock()
		return pairs, since, nil
	}
	for at, counted := range b.recent {
		if at >= since.Unix() {
			for p, n := range counted {
				sums[p] += n
			}
		}
	}
	l.mu.Unlock()
	for p, n := range sums {
		pairs = append(pairs, Traffic{p.machine, p.receiver, n})
	}
	slices.SortFunc(pairs, func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(b.Verified, a.Verified), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Receiver, b.Receiver))
	})
	l.mu.Lock()
	l.traffic = traffic{of, pairs}
	l.mu.Unlock()
	return pairs, since, nil
}

// traffic is what LastHour told last, and of what reading.
type traffic struct {
	of    trafficOf
	pairs []Traffic
}

type trafficOf struct {
	book  *book
	asOf  time.Time
	since time.Time
}

// recent is verifications by pair of the last hours, which are known by their Unix seconds. What the operator verified is not in it.
type recent map[int64]map[pair]int64

func (r recent) add(row Row) {
	if row.Receiver == "" {
		return
	}
	at := row.Hour.Unix()
	if r[at] == nil {
		r[at] = map[pair]int64{}
	}
	p := pair{row.Machine, row.Receiver}
	if _, known := r[at][p]; known || len(r[at]) < maxPairs {
		r[at][p] += row.Count
	}
}

// since gives the hours from one until another. What is read again must not be in it.
func (r recent) since(from, until time.Time) recent {
	out := recent{}
	for at, counted := range r {
		if at >= from.Unix() && at < until.Unix() {
			out[at] = counted
		}
	}
	return out
}

// lastHour is where the hour before the one under way began.
func lastHour(now time.Time) time.Time { return now.UTC().Truncate(time.Hour).Add(-time.Hour) }
