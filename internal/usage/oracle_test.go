package usage

import (
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
)

// bill is the naive oracle: it lays out every single operation of all time in order, and prices one after the other.
func bill(all rows, p PriceList, who m2m.Caller, q Query) map[string]Amounts {
	given := map[string]int64{}
	out := map[string]Amounts{}
	for _, r := range all {
		for range r.Count {
			one := Amounts{Usage: 1}
			if r.Format == m2m.Opaque || r.Operation == m2m.OpCreate {
				price, free := naiveAt(p.prices, r), naiveAt(p.allowances, r)
				month := r.Hour.Format("2006-01 ") + string(r.Operation)
				if given[month] < free {
					given[month]++
				} else {
					one = Amounts{Usage: 1, Billable: 1, NanoDollars: price}
				}
			}
			if r.Hour.Before(q.Start) || !r.Hour.Before(q.End) || !who.Instance && r.Machine != who.Machine.ID && r.Receiver != who.Machine.ID {
				continue
			}
			key := naiveKey(r, q)
			sum := out[key]
			out[key] = Amounts{sum.Usage + one.Usage, sum.Billable + one.Billable, sum.NanoDollars + one.NanoDollars}
		}
	}
	return out
}

func naiveAt(steps []step, r Row) int64 {
	for _, s := range slices.Backward(steps) {
		if s.from.IsZero() || r.Hour.Format("2006-01-02") >= s.from.Format("2006-01-02") {
			if r.Operation == m2m.OpCreate {
				return s.create
			}
			return s.verify
		}
	}
	panic("no step holds")
}

// naiveKey names the line of a row so that names sort as lines should.
func naiveKey(r Row, q Query) string {
	start := r.Hour
	switch q.Interval {
	case Day:
		start = time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC)
	case Month:
		start = time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC)
	case Hour:
	}
	if start.Before(q.Start) {
		start = q.Start
	}
	pick := func(wanted bool, s string) string {
		if wanted {
			return s
		}
		return ""
	}
	return fmt.Sprintf("%s %s %s %s %s", start.Format("2006-01-02T15"), pick(q.GroupBy.Machine, string(r.Machine)),
		pick(q.GroupBy.Receiver, string(r.Receiver)), pick(q.GroupBy.Format, string(r.Format)), pick(q.GroupBy.Operation, string(r.Operation)))
}

func TestReportAgreesWithCountingOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, p := rowSets().Draw(t, "rows"), priceLists().Draw(t, "prices")
		service := New(store, p)
		who := rapid.SampledFrom([]m2m.Caller{operator(), machine(a), machine(b), machine(c)}).Draw(t, "caller")
		q := queries().Draw(t, "query")

		got := draw(t, service, who, q)
		want := bill(store, p, who, q)
		var total Amounts
		var keys []string
		for _, l := range got.Lines {
			key := fmt.Sprintf("%s %s %s %s %s", l.Start.Format("2006-01-02T15"), l.Machine, l.Receiver, l.Format, l.Operation)
			if l.Amounts != want[key] {
				t.Fatalf("%s: %v, one by one %v", key, l.Amounts, want[key])
			}
			keys = append(keys, key)
			total = Amounts{total.Usage + l.Usage, total.Billable + l.Billable, total.NanoDollars + l.NanoDollars}
		}
		if len(keys) != len(want) || !sort.StringsAreSorted(keys) {
			t.Fatalf("lines %v, one by one %v", keys, want)
		}
		if total != got.Total {
			t.Fatalf("lines add up to %v, total is %v", total, got.Total)
		}
	})
}

func TestAnyGroupingAndAnyCutAddsUpToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := New(rowSets().Draw(t, "rows"), priceLists().Draw(t, "prices"))
		who := rapid.SampledFrom([]m2m.Caller{operator(), machine(a), machine(b)}).Draw(t, "caller")
		q := queries().Draw(t, "query")
		whole := draw(t, service, who, q).Total

		other := queries().Draw(t, "other")
		other.Start, other.End = q.Start, q.End
		if got := draw(t, service, who, other).Total; got != whole {
			t.Fatalf("grouped by %v: %v; by %v: %v", q.GroupBy, whole, other.GroupBy, got)
		}
		hours := int(q.End.Sub(q.Start) / time.Hour)
		if hours < 2 {
			return
		}
		left, right := q, q
		left.End = q.Start.Add(time.Duration(rapid.IntRange(1, hours-1).Draw(t, "cut")) * time.Hour)
		right.Start = left.End
		l, r := draw(t, service, who, left).Total, draw(t, service, who, right).Total
		if diff := cmp.Diff(whole, Amounts{l.Usage + r.Usage, l.Billable + r.Billable, l.NanoDollars + r.NanoDollars}); diff != "" {
			t.Fatalf("cut at %s:\n%s", left.End, diff)
		}
	})
}

// rowSets draws what was counted in some hours around a leap day, in the order of the store's contract.
func rowSets() *rapid.Generator[rows] {
	one := rapid.Custom(func(t *rapid.T) Row {
		r := Row{
			Hour:      hour("2024-02-26T00").Add(time.Duration(rapid.IntRange(0, 8*24).Draw(t, "hour")) * time.Hour),
			Machine:   rapid.SampledFrom([]m2m.MachineID{a, b, c}).Draw(t, "machine"),
			Operation: rapid.SampledFrom([]m2m.Operation{m2m.OpCreate, m2m.OpVerify}).Draw(t, "operation"),
			Format:    rapid.SampledFrom([]m2m.Format{m2m.Opaque, m2m.JWT}).Draw(t, "format"),
			Count:     rapid.Int64Range(1, 12).Draw(t, "count"),
		}
		if r.Operation == m2m.OpVerify {
			r.Receiver = rapid.SampledFrom([]m2m.MachineID{"", a, b, c}).Draw(t, "receiver")
		}
		return r
	})
	key := func(r Row) string {
		return fmt.Sprintf("%s %s %s %s %s", r.Hour.Format(time.RFC3339), r.Machine, r.Receiver, r.Operation, r.Format)
	}
	return rapid.Custom(func(t *rapid.T) rows {
		rs := rapid.SliceOfNDistinct(one, 0, 40, key).Draw(t, "rows")
		slices.SortFunc(rs, func(x, y Row) int { return cmpStrings(key(x), key(y)) })
		return rs
	})
}

func cmpStrings(x, y string) int {
	if x < y {
		return -1
	}
	return 1
}

func queries() *rapid.Generator[Query] {
	return rapid.Custom(func(t *rapid.T) Query {
		start := hour("2024-02-25T00").Add(time.Duration(rapid.IntRange(0, 9*24).Draw(t, "start")) * time.Hour)
		return Query{
			Start:    start,
			End:      start.Add(time.Duration(rapid.IntRange(1, 9*24).Draw(t, "hours")) * time.Hour),
			Interval: rapid.SampledFrom([]Interval{Hour, Day, Month}).Draw(t, "interval"),
			GroupBy: Groups{
				Machine: rapid.Bool().Draw(t, "by machine"), Receiver: rapid.Bool().Draw(t, "by receiver"),
				Format: rapid.Bool().Draw(t, "by format"), Operation: rapid.Bool().Draw(t, "by operation"),
			},
		}
	})
}

func draw(t *rapid.T, s *Service, who m2m.Caller, q Query) Report {
	r, err := s.Report(t.Context(), who, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
