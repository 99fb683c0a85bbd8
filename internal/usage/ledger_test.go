package usage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
)

// counting is a store that tells how often each hour was read.
type counting struct {
	rows
	read map[time.Time]int
	each func()
}

func (c *counting) UsageRows(ctx context.Context, from, until time.Time, visit func(Row) error) error {
	return c.rows.UsageRows(ctx, from, until, func(r Row) error {
		c.read[r.Hour]++
		if c.each != nil {
			c.each()
		}
		return visit(r)
	})
}

// someRows is what a few machines did in some hours from start, in the order of the contract. The seed decides.
func someRows(seed uint64, start time.Time, hours int) rows {
	roll := func(n int64) int64 { // the high bits of a linear congruence are random enough for a world
		seed = seed*6364136223846793005 + 1442695040888963407
		return int64(seed>>33) % n
	}
	var out rows
	for h := range hours {
		at := start.Add(time.Duration(h) * time.Hour)
		for _, id := range []m2m.MachineID{a, b, c} {
			for _, f := range []m2m.Format{m2m.JWT, m2m.Opaque} {
				if roll(3) > 0 {
					out = append(out, Row{Hour: at, Machine: id, Operation: m2m.OpCreate, Format: f, Count: roll(9) + 1})
				}
			}
			for _, by := range []m2m.MachineID{"", a, b} {
				for _, f := range []m2m.Format{m2m.JWT, m2m.Opaque} {
					if roll(3) == 0 {
						out = append(out, Row{Hour: at, Machine: id, Receiver: by, Operation: m2m.OpVerify, Format: f, Count: roll(40) + 1})
					}
				}
			}
		}
	}
	slices.SortFunc(out, order)
	return out
}

func order(x, y Row) int {
	for _, n := range []int{
		x.Hour.Compare(y.Hour), compare(x.Machine, y.Machine), compare(x.Receiver, y.Receiver), compare(x.Operation, y.Operation), compare(x.Format, y.Format),
	} {
		if n != 0 {
			return n
		}
	}
	return 0
}

func compare[S ~string](a, b S) int { return slices.Compare([]byte(a), []byte(b)) }

// reported is the same month by way of a report.
func reported(t *testing.T, rs rows, p PriceList, q Query) map[string]Amounts {
	t.Helper()
	out := map[string]Amounts{}
	for _, l := range report(t, New(rs, p), operator(), q).Lines {
		key := fmt.Sprint(l.Start.Unix(), l.Machine, l.Receiver, l.Operation, l.Format)
		out[key] = sum(out[key], l.Amounts)
	}
	return out
}

func byKind(into map[string]Amounts, start time.Time, machine, receiver m2m.MachineID, k Kinds) {
	for _, op := range []m2m.Operation{m2m.OpCreate, m2m.OpVerify} {
		for _, f := range []m2m.Format{m2m.JWT, m2m.Opaque} {
			if amounts := *k.at(op, f); amounts.Usage > 0 {
				into[fmt.Sprint(start.Unix(), machine, receiver, op, f)] = amounts
			}
		}
	}
}

// What the dashboard shows and what GET /v1/usage answers are the same figures, whatever is asked for when, with prices and allowances
// that change within the month.
func TestLedgerSaysWhatReportsSay(t *testing.T) {
	p := prices(t, "create=0.001 verify=0.0001; 2026-05-02 create=0.003", "create=40 verify=500; 2026-05-03 verify=900")
	start := hour("2026-05-01T00")
	all := someRows(7, start, 96)
	var seen rows
	var now time.Time
	l := NewLedger(&seen, p, func() time.Time { return now })
	for _, minutes := range []int{3, 61, 62, 69, 71, 200, 201, 2000, 5000, 5759} {
		now = start.Add(time.Duration(minutes) * time.Minute)
		seen = slices.DeleteFunc(slices.Clone(all), func(r Row) bool { return r.Hour.After(now) })
		if minutes%2 == 1 && len(seen) > 0 { // the open hour grows between two questions
			seen[len(seen)-1].Count += int64(minutes)
		}
		m, err := l.Month(t.Context(), now, 100)
		if err != nil || !m.Complete {
			t.Fatalf("after %d minutes: %v, complete %v", minutes, err, m.Complete)
		}
		end := m.End
		gotHours, gotMachines, gotPairs := map[string]Amounts{}, map[string]Amounts{}, map[string]Amounts{}
		for _, h := range m.Hours {
			byKind(gotHours, h.Start, "", "", h.Kinds)
		}
		for _, x := range m.Machines {
			byKind(gotMachines, start, x.Machine, "", x.Kinds)
		}
		for _, x := range m.Pairs {
			byKind(gotPairs, start, x.Machine, x.Receiver, x.Kinds)
		}
		g := Groups{Operation: true, Format: true}
		if diff := cmp.Diff(reported(t, seen, p, Query{start, end, Hour, g}), gotHours); diff != "" {
			t.Errorf("hours after %d minutes: %s", minutes, diff)
		}
		g.Machine = true
		if diff := cmp.Diff(reported(t, seen, p, Query{start, end, Month, g}), gotMachines); diff != "" {
			t.Errorf("machines after %d minutes: %s", minutes, diff)
		}
		g.Receiver = true
		verified := reported(t, slices.DeleteFunc(slices.Clone(seen), func(r Row) bool { return r.Operation == m2m.OpCreate }), prices(t, p.String(), p.Allowances()), Query{start, end, Month, g})
		if diff := cmp.Diff(verified, gotPairs); diff != "" {
			t.Errorf("pairs after %d minutes: %s", minutes, diff)
		}
		wantTraffic, gotTraffic := map[string]int64{}, map[string]int64{}
		for _, r := range seen {
			if r.Operation == m2m.OpVerify && r.Receiver != "" && !r.Hour.Before(now.Truncate(time.Hour).Add(-time.Hour)) {
				wantTraffic[string(r.Machine+r.Receiver)] += r.Count
			}
		}
		traffic, _, err := l.LastHour(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range traffic {
			gotTraffic[string(x.Machine+x.Receiver)] = x.Verified
		}
		if diff := cmp.Diff(wantTraffic, gotTraffic); diff != "" {
			t.Errorf("last hour after %d minutes: %s", minutes, diff)
		}
		if total := report(t, New(seen, p), operator(), Query{start, end, Month, Groups{}}).Total; m.Total() != total {
			t.Errorf("total after %d minutes: %+v, want %+v", minutes, m.Total(), total)
		}
	}
}

func TestLedgerReadsAnHourThatIsOverOnce(t *testing.T) {
	start := hour("2026-05-01T00")
	now := start.Add(5*time.Hour + 30*time.Minute)
	store := &counting{rows: someRows(3, start, 6), read: map[time.Time]int{}}
	l := NewLedger(store, PriceList{}, func() time.Time { return now })
	for range 4 {
		if _, err := l.Month(t.Context(), now, 5); err != nil {
			t.Fatal(err)
		}
	}
	rowsOf := map[time.Time]int{}
	for _, r := range store.rows {
		rowsOf[r.Hour]++
	}
	for at, n := range rowsOf {
		want := n
		if at.Equal(hour("2026-05-01T05")) {
			want = 4 * n
		}
		if store.read[at] != want {
			t.Errorf("rows of %s were read %d times, want %d", at, store.read[at], want)
		}
	}
}

// A month of which much is unknown is read in parts, each of which is kept.
func TestLedgerGoesOnWhereItRanOutOfPatience(t *testing.T) {
	start := hour("2026-05-01T00")
	now := start.Add(50 * time.Hour)
	store := &counting{rows: someRows(5, start, 40), read: map[time.Time]int{}}
	store.each = func() { now = now.Add(100 * time.Millisecond) }
	l := NewLedger(store, PriceList{}, func() time.Time { return now })
	for n := range 100 {
		m, err := l.Month(t.Context(), start, 5)
		if err != nil {
			t.Fatal(err)
		}
		want := report(t, New(slices.DeleteFunc(slices.Clone(store.rows), func(r Row) bool { return !m.Complete && !r.Hour.Before(m.Settled) }), PriceList{}),
			operator(), Query{start, m.End, Month, Groups{}}).Total
		if m.Total() != want {
			t.Fatalf("up to %s: %+v, want %+v", m.Settled, m.Total(), want)
		}
		if m.Complete {
			if n < 3 {
				t.Errorf("it was complete after %d parts", n+1)
			}
			return
		}
	}
	t.Error("it never came to an end")
}

// Figures that are dear to read take a twentieth of the time at most. Whoever looks at them waits once, and sees what is seconds old.
func TestLedgerTakesATwentiethOfTheTimeAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := func() time.Time { return time.Now() } // the bubble's
		store := &counting{rows: someRows(5, now().UTC().Truncate(time.Hour), 1), read: map[time.Time]int{}}
		store.each = func() { time.Sleep(50 * time.Millisecond) }
		l := NewLedger(store, PriceList{}, now)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		running.Go(func() { _ = l.Run(ctx) })
		begun := now()
		for n := range 600 {
			asked := now()
			m, err := l.Month(ctx, asked, 5)
			if err != nil {
				t.Fatal(err)
			}
			if waited := now().Sub(asked); n > 0 && waited > 0 {
				t.Fatalf("the question of second %d waited for %s", n, waited)
			}
			if age := now().Sub(m.AsOf); age > 40*time.Second {
				t.Fatalf("in second %d the figures are %s old", n, age)
			}
			time.Sleep(time.Second)
		}
		stop()
		running.Wait()
		reading := 50 * time.Millisecond * time.Duration(store.read[l.now().UTC().Truncate(time.Hour)])
		if whole := now().Sub(begun); reading > whole/20 || reading < whole/100 {
			t.Errorf("%s of reading in %s", reading, whole)
		}
	})
}

func TestLedgerTellsTheBusiestAndHowManyMore(t *testing.T) {
	at := "2026-05-01T00"
	var rs rows
	for n := range 9 {
		rs = append(rs, created(at, m2m.MachineID(fmt.Sprintf("mch_%d", n)), m2m.Opaque, int64(1+n*5%9)))
	}
	l := NewLedger(rs, PriceList{}, func() time.Time { return hour(at) })
	m, err := l.Month(t.Context(), hour(at), 3)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, x := range m.Machines {
		got = append(got, x.Total().Usage)
	}
	if want := []int64{9, 8, 7}; !slices.Equal(got, want) || m.More.Machines != 6 {
		t.Errorf("%v and %d more", got, m.More.Machines)
	}
}

// The expectation, worked out by hand: ten creations an hour for two days, 1,000 free, a price that rises on the 21st.
func TestExpectedAmountFollowsPaceAllowanceAndPrices(t *testing.T) {
	start := hour("2026-04-01T00")
	var rs rows
	for h := range 48 {
		rs = append(rs, Row{Hour: start.Add(time.Duration(h) * time.Hour), Machine: a, Operation: m2m.OpCreate, Format: m2m.JWT, Count: 10})
	}
	now := start.Add(48*time.Hour + 20*time.Minute)
	l := NewLedger(rs, prices(t, "create=0.001; 2026-04-21 create=0.002", "create=1000"), func() time.Time { return now })
	m, err := l.Month(t.Context(), now, 5)
	if err != nil {
		t.Fatal(err)
	}
	if m.Create.Pace != 10 || m.Create.FreeLeft != 520 {
		t.Errorf("pace %v, free %d", m.Create.Pace, m.Create.FreeLeft)
	}
	// 671 hours are to come, the first 52 of them free; 240 of them are at the new price.
	if want := int64((431-52)*10*1_000_000 + 240*10*2_000_000); m.Create.ExpectedNanoDollars != want {
		t.Errorf("expected %d, want %d", m.Create.ExpectedNanoDollars, want)
	}
	if m.Verify.ExpectedNanoDollars != 0 {
		t.Errorf("nothing was verified, yet %d is expected", m.Verify.ExpectedNanoDollars)
	}
}

// What did not exist yet slows no pace down, and a few hours are no pace.
func TestThePaceBeginsWithTheFirstHourThatWasCounted(t *testing.T) {
	first := hour("2026-04-05T00")
	var rs rows
	for h := range 20 * 24 {
		rs = append(rs, Row{Hour: first.Add(time.Duration(h) * time.Hour), Machine: a, Operation: m2m.OpCreate, Format: m2m.JWT, Count: 10})
	}
	for hours, want := range map[int]time.Duration{1: 0, 23: 0, 24: 24 * time.Hour, 72: 72 * time.Hour, 15 * 24: 7 * 24 * time.Hour} {
		now := first.Add(time.Duration(hours) * time.Hour)
		m, err := NewLedger(rs, prices(t, "create=0.001", ""), func() time.Time { return now }).Month(t.Context(), now, 5)
		if err != nil {
			t.Fatal(err)
		}
		pace := 10.0
		if want == 0 {
			pace = 0
		}
		if m.Create.PaceOf != want || m.Create.Pace != pace || want == 0 && m.Create.ExpectedNanoDollars != m.Total().NanoDollars {
			t.Errorf("after %d hours: %v an hour of %s, expected %d", hours, m.Create.Pace, m.Create.PaceOf, m.Create.ExpectedNanoDollars)
		}
	}
}

// Many who ask at once see whole figures, whoever of them reads and while hours come to their end.
func TestLedgerAnswersManyAtOnce(t *testing.T) {
	start := hour("2026-05-01T00")
	all := someRows(11, start, 12)
	whole := report(t, New(all, PriceList{}), operator(), Query{start, start.AddDate(0, 1, 0), Month, Groups{}}).Total
	var minutes atomic.Int64
	minutes.Store(12 * 60)
	l := NewLedger(all, PriceList{}, func() time.Time { return start.Add(time.Duration(minutes.Load()) * time.Minute) })
	var asking sync.WaitGroup
	for n := range 8 {
		asking.Go(func() {
			for range 100 {
				minutes.Add(int64(n % 2))
				m, err := l.Month(t.Context(), start, 3)
				if err != nil || m.Complete && m.Total() != whole {
					t.Errorf("%v, %+v instead of %+v", err, m.Total(), whole)
					return
				}
				if _, _, err := l.LastHour(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	asking.Wait()
}
