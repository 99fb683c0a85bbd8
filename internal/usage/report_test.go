package usage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
)

// rows is a store of what a test says was counted, in the order of the contract.
type rows []Row

func (rs rows) UsageRows(_ context.Context, from, until time.Time, visit func(Row) error) error {
	for _, r := range rs {
		if r.Hour.Before(from) || !r.Hour.Before(until) {
			continue
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

const (
	a, b, c = m2m.MachineID("mch_a"), m2m.MachineID("mch_b"), m2m.MachineID("mch_c")
)

func operator() m2m.Caller { return m2m.Caller{Instance: true} }

func machine(id m2m.MachineID) m2m.Caller { return m2m.Caller{Machine: &m2m.Machine{ID: id}} }

func created(at string, id m2m.MachineID, f m2m.Format, n int64) Row {
	return Row{Hour: hour(at), Machine: id, Operation: m2m.OpCreate, Format: f, Count: n}
}

func verified(at string, id, by m2m.MachineID, f m2m.Format, n int64) Row {
	return Row{Hour: hour(at), Machine: id, Receiver: by, Operation: m2m.OpVerify, Format: f, Count: n}
}

func span(start, end string, i Interval, by Groups) Query {
	return Query{Start: hour(start), End: hour(end), Interval: i, GroupBy: by}
}

func prices(t *testing.T, list, allowances string) PriceList {
	t.Helper()
	p, err := ParsePrices(list)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.WithAllowances(allowances); err != nil {
		t.Fatal(err)
	}
	return p
}

// Creations of either format and successful opaque verifications are billed; checks of JWTs are counted and free.
func TestReportBillsCreationsAndOpaqueVerifications(t *testing.T) {
	store := rows{
		created("2026-05-01T09", a, m2m.JWT, 4),
		created("2026-05-01T09", a, m2m.Opaque, 3),
		verified("2026-05-01T09", a, "", m2m.Opaque, 2), // by the operator
		verified("2026-05-01T09", a, b, m2m.JWT, 1000),
		verified("2026-05-01T09", a, b, m2m.Opaque, 50),
	}
	got := report(t, New(store, PriceList{}), operator(), span("2026-05-01T00", "2026-05-02T00", Day, Groups{Format: true, Operation: true}))
	day := hour("2026-05-01T00")
	want := []Line{
		{day, Group{Format: m2m.JWT, Operation: m2m.OpCreate}, Amounts{4, 4, 4_000_000}},
		{day, Group{Format: m2m.JWT, Operation: m2m.OpVerify}, Amounts{1000, 0, 0}},
		{day, Group{Format: m2m.Opaque, Operation: m2m.OpCreate}, Amounts{3, 3, 3_000_000}},
		{day, Group{Format: m2m.Opaque, Operation: m2m.OpVerify}, Amounts{52, 52, 5_200_000}},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := (Amounts{1059, 59, 12_200_000}); got.Total != want {
		t.Errorf("total = %v, want %v", got.Total, want)
	}
}

// The second public price list: $0.001 after 2,500 free, $0.00001 after 100,000 free.
func TestReportUsesUpTheAllowanceByHourMachineReceiver(t *testing.T) {
	p := prices(t, "create=0.001 verify=0.00001", "create=2500 verify=100000")
	store := rows{
		created("2026-05-03T10", a, m2m.Opaque, 2000),
		created("2026-05-03T10", b, m2m.JWT, 300),
		created("2026-05-03T10", b, m2m.Opaque, 300), // 200 of these are still free: formats go bytewise, too
		verified("2026-05-03T10", b, a, m2m.Opaque, 99_999),
		verified("2026-05-03T10", b, c, m2m.Opaque, 3), // 1 free
		created("2026-05-20T00", a, m2m.Opaque, 7),
		verified("2026-05-31T23", b, c, m2m.Opaque, 10),
		created("2026-06-01T00", a, m2m.Opaque, 2501), // a new month
	}
	whole := New(store, p)
	got := report(t, whole, operator(), span("2026-05-01T00", "2026-07-01T00", Hour, Groups{Machine: true, Receiver: true, Operation: true}))
	create := func(id m2m.MachineID) Group { return Group{Machine: id, Operation: m2m.OpCreate} }
	verify := func(by m2m.MachineID) Group { return Group{Machine: b, Receiver: by, Operation: m2m.OpVerify} }
	want := []Line{
		{hour("2026-05-03T10"), create(a), Amounts{2000, 0, 0}},
		{hour("2026-05-03T10"), create(b), Amounts{600, 100, 100_000_000}},
		{hour("2026-05-03T10"), verify(a), Amounts{99_999, 0, 0}},
		{hour("2026-05-03T10"), verify(c), Amounts{3, 2, 20_000}},
		{hour("2026-05-20T00"), create(a), Amounts{7, 7, 7_000_000}},
		{hour("2026-05-31T23"), verify(c), Amounts{10, 10, 100_000}},
		{hour("2026-06-01T00"), create(a), Amounts{2501, 1, 1_000_000}},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// A span that begins later in the month finds the allowance as used up as it is, also when only one operation has any.
	onlyVerify := New(store, prices(t, "create=0.001 verify=0.00001", "verify=100000"))
	if got := report(t, onlyVerify, operator(), span("2026-05-31T23", "2026-06-01T00", Hour, Groups{})); got.Total.Billable != 10 {
		t.Errorf("last hour of the month: %v", got.Total)
	}
	onlyCreate := New(store, prices(t, "create=0.001 verify=0.00001", "create=2500"))
	if got := report(t, onlyCreate, operator(), span("2026-05-20T00", "2026-05-20T01", Hour, Groups{})); got.Total.Billable != 7 {
		t.Errorf("later in the month, creations: %v", got.Total)
	}
	late := report(t, whole, operator(), span("2026-05-20T00", "2026-05-20T01", Hour, Groups{}))
	if want := (Amounts{7, 7, 7_000_000}); late.Total != want {
		t.Errorf("later in the month: %v, want %v", late.Total, want)
	}
}

// R13: a machine sees the rows in which it is machine or receiver, with the amounts that they have in the whole.
func TestMachineSeesItsOwnRowsWithTheAmountsOfTheWhole(t *testing.T) {
	store := rows{
		created("2026-05-01T00", a, m2m.Opaque, 5),
		verified("2026-05-01T00", a, b, m2m.Opaque, 6),
		verified("2026-05-01T00", a, c, m2m.Opaque, 7),
		created("2026-05-01T00", b, m2m.Opaque, 8),
		verified("2026-05-01T00", b, "", m2m.Opaque, 9),
	}
	service := New(store, prices(t, "create=0.001 verify=0.0001", "create=6 verify=10"))
	for _, x := range []struct {
		who  m2m.Caller
		want Amounts
	}{
		{operator(), Amounts{35, 7 + 12, 7_000_000 + 1_200_000}},
		{machine(a), Amounts{18, 3, 300_000}},                 // 4 of the 7 by c were free
		{machine(b), Amounts{23, 7 + 9, 7_000_000 + 900_000}}, // 1 of its 8 creations was free
		{machine(c), Amounts{7, 3, 300_000}},                  // what it verified
		{machine("mch_d"), Amounts{}},                         // a stranger
		{m2m.Caller{Machine: &m2m.Machine{}}, Amounts{}},      // the empty id is nobody's, not the operator's
		{m2m.Caller{Instance: true, Machine: &m2m.Machine{ID: c}}, Amounts{35, 19, 8_200_000}},
	} {
		if got := report(t, service, x.who, span("2026-05-01T00", "2026-05-02T00", Day, Groups{})); got.Total != x.want {
			t.Errorf("%+v: %v, want %v", x.who, got.Total, x.want)
		}
	}
	if _, err := service.Report(t.Context(), m2m.Caller{}, span("2026-05-01T00", "2026-05-02T00", Day, Groups{})); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("nobody: %v", err)
	}
}

// The price is that of the hour, and a change of the allowance counts what the month has given already.
func TestPricesAndAllowancesChangeInMidMonth(t *testing.T) {
	p := prices(t, "create=0.001; 2026-05-15 create=0.002", "create=3; 2026-05-15 create=5; 2026-05-20 create=1")
	store := rows{
		created("2026-05-14T23", a, m2m.Opaque, 10), // 3 free, 7 at $0.001
		created("2026-05-15T00", a, m2m.Opaque, 10), // 2 more free, 8 at $0.002
		created("2026-05-20T00", a, m2m.Opaque, 10), // 5 were given already: none free
		created("2026-06-01T00", a, m2m.Opaque, 10), // 1 free
	}
	got := report(t, New(store, p), operator(), span("2026-05-01T00", "2026-07-01T00", Day, Groups{}))
	want := []Line{
		{Start: hour("2026-05-14T00"), Amounts: Amounts{10, 7, 7_000_000}},
		{Start: hour("2026-05-15T00"), Amounts: Amounts{10, 8, 16_000_000}},
		{Start: hour("2026-05-20T00"), Amounts: Amounts{10, 10, 20_000_000}},
		{Start: hour("2026-06-01T00"), Amounts: Amounts{10, 9, 18_000_000}},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Intervals are the calendar's in UTC, leap day included; the first begins where the report does, and the end is exclusive.
func TestIntervalsFollowTheCalendar(t *testing.T) {
	var store rows
	for _, at := range []string{
		"2023-12-31T23", "2024-01-01T00", "2024-01-31T23", "2024-02-01T00", "2024-02-28T23", "2024-02-29T00", "2024-02-29T23", "2024-03-01T00",
		"2024-12-31T23", "2025-01-01T00",
	} {
		store = append(store, created(at, a, m2m.Opaque, 1))
	}
	for _, x := range []struct {
		query Query
		want  string
	}{
		{span("2023-12-01T00", "2025-02-01T00", Month, Groups{}), "2023-12-01T00:1 2024-01-01T00:2 2024-02-01T00:4 2024-03-01T00:1 2024-12-01T00:1 2025-01-01T00:1"},
		{span("2024-02-28T00", "2024-03-01T00", Day, Groups{}), "2024-02-28T00:1 2024-02-29T00:2"},
		{span("2024-02-28T00", "2024-03-01T01", Hour, Groups{}), "2024-02-28T23:1 2024-02-29T00:1 2024-02-29T23:1 2024-03-01T00:1"},
		{span("2024-01-31T23", "2024-03-01T00", Month, Groups{}), "2024-01-31T23:1 2024-02-01T00:4"},
		{span("2024-12-31T23", "2025-01-01T00", Day, Groups{}), "2024-12-31T23:1"},
		{span("2026-01-01T00", "2026-01-02T00", Day, Groups{}), ""},
	} {
		got := ""
		for _, l := range report(t, New(store, PriceList{}), operator(), x.query).Lines {
			if got != "" {
				got += " "
			}
			got += fmt.Sprintf("%s:%d", l.Start.Format("2006-01-02T15"), l.Usage)
		}
		if got != x.want {
			t.Errorf("%v: %s\nwant %s", x.query, got, x.want)
		}
	}
}

// R56: what passes an int64 is told as a fault of the query, never as a wrong number.
func TestReportNeverWrapsAround(t *testing.T) {
	dear := prices(t, "create=1000000 verify=1000000", "")
	for name, store := range map[string]rows{
		"one row":        {created("2026-05-01T00", a, m2m.Opaque, 9224)},
		"twice around":   {created("2026-05-01T00", a, m2m.Opaque, 20_000)}, // would wrap to a plausible number
		"sum of amounts": {created("2026-05-01T00", a, m2m.Opaque, 9000), created("2026-05-01T01", a, m2m.Opaque, 224)},
		"sum of counts":  {verified("2026-05-01T00", a, b, m2m.JWT, math.MaxInt64), verified("2026-05-01T01", a, b, m2m.JWT, 1)},
	} {
		_, err := New(store, dear).Report(t.Context(), operator(), span("2026-05-01T00", "2026-05-02T00", Hour, Groups{}))
		if fault, ok := errors.AsType[*m2m.FieldError](err); !ok || fault.Field != "end" {
			t.Errorf("%s: %v; want a fault of end", name, err)
		}
		// What the caller does not see, or comes before the span, does not stand in the way.
		if _, err := New(store, dear).Report(t.Context(), machine(c), span("2026-05-01T00", "2026-05-02T00", Hour, Groups{})); err != nil {
			t.Errorf("%s, seen by a stranger: %v", name, err)
		}
	}
	most := rows{created("2026-05-01T00", a, m2m.Opaque, 9223)}
	if got := report(t, New(most, dear), operator(), span("2026-05-01T00", "2026-05-02T00", Hour, Groups{})); got.Total.NanoDollars != 9_223_000_000_000_000_000 {
		t.Errorf("the most that fits: %v", got.Total)
	}
}

func TestReportIsCapped(t *testing.T) {
	var store rows
	for i := range MaxLines {
		store = append(store, created("2026-05-01T00", m2m.MachineID(fmt.Sprintf("mch_%05d", i)), m2m.Opaque, 1))
	}
	query := span("2026-05-01T00", "2026-05-02T00", Hour, Groups{Machine: true})
	if got := report(t, New(store, PriceList{}), operator(), query); len(got.Lines) != MaxLines {
		t.Errorf("%d lines", len(got.Lines))
	}
	store = append(store, created("2026-05-01T01", a, m2m.Opaque, 1))
	_, err := New(store, PriceList{}).Report(t.Context(), operator(), query)
	if fault, ok := errors.AsType[*m2m.FieldError](err); !ok || fault.Field != "group_by" {
		t.Errorf("one line more: %v", err)
	}
	if got := report(t, New(store, PriceList{}), operator(), span("2026-05-01T00", "2026-05-02T00", Hour, Groups{})); got.Total.Usage != MaxLines+1 {
		t.Errorf("without groups: %v", got.Total)
	}
	if MaxSpan/time.Hour > MaxLines {
		t.Error("a report without groups can reach the cap")
	}
}

// R12: a storage error, and a row that cannot be right, never become a report.
func TestReportIsRightOrNotGiven(t *testing.T) {
	query := span("2026-05-01T00", "2026-06-01T00", Day, Groups{})
	for name, store := range map[string]rows{
		"unknown operation":   {{Hour: hour("2026-05-01T00"), Machine: a, Operation: "refuse", Format: m2m.Opaque, Count: 1}},
		"unknown format":      {created("2026-05-01T00", a, "", 1)},
		"negative count":      {created("2026-05-01T00", a, m2m.Opaque, -1)},
		"hours backwards":     {created("2026-05-01T01", a, m2m.Opaque, 1), created("2026-05-01T00", a, m2m.Opaque, 1)},
		"machines backwards":  {created("2026-05-01T00", b, m2m.Opaque, 1), created("2026-05-01T00", a, m2m.Opaque, 1)},
		"receivers backwards": {verified("2026-05-01T00", a, c, m2m.Opaque, 1), verified("2026-05-01T00", a, b, m2m.Opaque, 1)},
	} {
		got, err := New(store, PriceList{}).Report(t.Context(), operator(), query)
		if _, sendersFault := errors.AsType[*m2m.FieldError](err); err == nil || sendersFault {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	broken := brokenStore{errors.New("connection lost")}
	if _, err := New(broken, PriceList{}).Report(t.Context(), operator(), query); !errors.Is(err, broken.err) {
		t.Errorf("broken store: %v", err)
	}
}

type brokenStore struct{ err error }

func (s brokenStore) UsageRows(_ context.Context, from, _ time.Time, visit func(Row) error) error {
	if err := visit(Row{Hour: from, Machine: a, Operation: m2m.OpCreate, Format: m2m.Opaque, Count: 1}); err != nil {
		return err
	}
	return s.err
}

func report(t *testing.T, s *Service, who m2m.Caller, q Query) Report {
	t.Helper()
	r, err := s.Report(t.Context(), who, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
