package usage

import (
	"cmp"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Statement is what a UTC month comes to so far.
type Statement struct {
	Start, End time.Time // End is exclusive
	AsOf       time.Time // when it was read
	Complete   bool      // false: there was too much to read at once; what is told ends at Settled
	Settled    time.Time // figures of earlier hours do not change any more

	Kinds
	Hours    []HourOf // those in which something was counted, in order
	Machines []MachineOf
	Pairs    []PairOf
	More     Left

	Create, Verify Outlook
}

// HourOf is one hour.
type HourOf struct {
	Start time.Time
	Kinds
}

// MachineOf is what the tokens of one machine come to.
type MachineOf struct {
	Machine m2m.MachineID
	Kinds
}

// PairOf is verifications of one machine's tokens by one receiver.
type PairOf struct {
	Machine  m2m.MachineID
	Receiver m2m.MachineID // empty: the operator
	Kinds
}

// Left is how many machines and pairs there are beside those that are told.
type Left struct {
	Machines int
	Pairs    int
	Unknown  bool // and pairs that nobody counted
}

// statement puts together what a book knows.
func (b *book) statement(start time.Time, top int) Statement {
	m := Statement{
		Start: start, End: start.AddDate(0, 1, 0), AsOf: b.asOf, Complete: !b.asOf.IsZero(), Settled: b.settled, Kinds: b.closed.kinds.Plus(b.open.kinds),
		Hours: make([]HourOf, 0, len(b.closed.hours)+len(b.open.hours)),
	}
	for at, k := range b.closed.hours {
		m.Hours = append(m.Hours, HourOf{time.Unix(at, 0).UTC(), k})
	}
	for at, k := range b.open.hours {
		m.Hours = append(m.Hours, HourOf{time.Unix(at, 0).UTC(), k})
	}
	slices.SortFunc(m.Hours, func(a, b HourOf) int { return a.Start.Compare(b.Start) })
	machines := busiest(b.closed.machines, b.open.machines, top, cmp.Compare[m2m.MachineID])
	pairs := busiest(b.closed.pairs, b.open.pairs, top, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.machine, b.machine), cmp.Compare(a.receiver, b.receiver))
	})
	for _, x := range machines.kept {
		m.Machines = append(m.Machines, MachineOf{x.key, x.Kinds})
	}
	for _, x := range pairs.kept {
		m.Pairs = append(m.Pairs, PairOf{x.key.machine, x.key.receiver, x.Kinds})
	}
	m.More = Left{Machines: machines.left, Pairs: pairs.left, Unknown: b.closed.leftOut || b.open.leftOut}
	return m
}

// counted is a key of a tally with what it comes to.
type counted[K comparable] struct {
	key K
	Kinds
	n int64
}

// chart is the keys with the most usage, and how many others there are.
type chart[K comparable] struct {
	kept []counted[K]
	left int
}

// busiest finds the keys of two maps with the most usage, ties by key.
func busiest[K comparable](closed, open map[K]Kinds, top int, order func(a, b K) int) chart[K] {
	var c chart[K]
	less := func(a, b counted[K]) int { return cmp.Or(cmp.Compare(b.n, a.n), order(a.key, b.key)) }
	take := func(x counted[K]) {
		x.n = x.Total().Usage
		if len(c.kept) == top {
			c.left++
			if top == 0 || less(x, c.kept[top-1]) > 0 {
				return
			}
			c.kept = c.kept[:top-1]
		}
		at, _ := slices.BinarySearchFunc(c.kept, x, less)
		c.kept = slices.Insert(c.kept, at, x)
	}
	for k, v := range closed {
		take(counted[K]{key: k, Kinds: v.Plus(open[k])})
	}
	for k, v := range open {
		if _, both := closed[k]; !both {
			take(counted[K]{key: k, Kinds: v})
		}
	}
	return c
}
