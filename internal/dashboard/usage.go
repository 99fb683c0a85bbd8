package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/usage"
)

const (
	usagePath    = Root + "/usage"
	sectionUsage = "Usage"
	usageTop     = 15 // machines and pairs in the tables
	monthLayout  = "2006-01"
	firstYear    = 2020 // nothing was counted before
)

// Ledger tells what a month comes to so far. Errors are those of *usage.Ledger.
type Ledger interface {
	Month(ctx context.Context, of time.Time, top int) (usage.Statement, error)
	LastHour(ctx context.Context) (pairs []usage.Traffic, since time.Time, err error)
}

// Reports makes reports of any span and size. Errors are those of *usage.Service.
type Reports interface {
	Lines(ctx context.Context, caller m2m.Caller, q usage.Query, each func([]usage.Line) error) error
}

func (d *dashboard) usageRoutes(r routes) {
	r.get("/usage", d.usagePage)
	r.get("/usage.csv", d.usageCSV)
}

// usageView is the page of one month.
type usageView struct {
	usage.Statement
	Name           string // "November 2026"
	Previous, Next string // addresses; empty: none
	Amount         string
	Expected       string // empty: the month is over, or nothing to go by
	Pace           string
	Create, Verify allowance
	Days           charts
	Day            string
	Hours          charts
	Machines       []namedFigures
	Pairs          []namedFigures
	Files          []file
}

// allowance is what is free of one operation.
type allowance struct {
	Free  int64 // a month; 0: nothing is
	Left  int64
	Price string // of one more
}

// namedFigures is a line about a machine, or a pair.
type namedFigures struct {
	Machine  machines.End
	Receiver machines.End
	Operator bool // who verified holds the instance key
	Kinds    usage.Kinds
	Amount   string
}

// file is a table to download.
type file struct {
	Label string
	Path  string
}

func (d *dashboard) usagePage(x *exchange) error {
	now := d.Now().UTC()
	month := monthStart(now)
	if asked, err := time.Parse(monthLayout, x.query("month")); err == nil && asked.Before(now) && asked.Year() >= firstYear {
		month = asked
	}
	s, err := d.Ledger.Month(x.ctx(), month, usageTop)
	if err != nil {
		return err
	}
	day := now.Truncate(24 * time.Hour)
	if !day.Before(s.End) {
		day = s.End.Add(-24 * time.Hour)
	}
	if asked, err := time.Parse(time.DateOnly, x.query("day")); err == nil && !asked.Before(s.Start) && asked.Before(s.End) {
		day = asked
	}
	v := usageView{
		Statement: s, Name: month.Format("January 2006"), Amount: dollars(s.Total().NanoDollars), Day: day.Format(time.DateOnly),
		Create: allowanceOf(s.Create), Verify: allowanceOf(s.Verify),
	}
	if before := month.AddDate(0, -1, 0); before.Year() >= firstYear {
		v.Previous = usagePath + "?month=" + before.Format(monthLayout)
	}
	if next := month.AddDate(0, 1, 0); next.Before(now) {
		v.Next = usagePath + "?month=" + next.Format(monthLayout)
	} else if s.Create.PaceOf > 0 {
		v.Expected, v.Pace = about(s.Create.ExpectedNanoDollars+s.Verify.ExpectedNanoDollars), exactly(s.Create.PaceOf)
	}
	v.Days = chartsOf(s.Hours, s.Start, s.End, 24*time.Hour, func(at time.Time) string {
		return usagePath + "?month=" + at.Format(monthLayout) + "&day=" + at.Format(time.DateOnly) + "#hours"
	})
	v.Hours = chartsOf(s.Hours, day, day.Add(24*time.Hour), time.Hour, nil)
	v.Files = []file{
		{"By day and kind", usageFile(s.Start, s.End, usage.Day, "format,operation")},
		{"By hour and kind", usageFile(s.Start, s.End, usage.Hour, "format,operation")},
		{"By machine, receiver and kind", usageFile(s.Start, s.End, usage.Month, "machine,receiver,format,operation")},
	}
	if err := d.nameFigures(x, &v); err != nil {
		return err
	}
	return x.show(http.StatusOK, page{Name: "usage", Title: "Usage in " + v.Name, Section: sectionUsage, Body: v})
}

// nameFigures fills in the tables of machines and pairs.
func (d *dashboard) nameFigures(x *exchange, v *usageView) error {
	var ids []m2m.MachineID
	for _, m := range v.Statement.Machines {
		ids = append(ids, m.Machine)
	}
	for _, p := range v.Statement.Pairs {
		ids = append(ids, p.Machine, p.Receiver)
	}
	name, err := d.namer(x.ctx(), ids)
	if err != nil {
		return err
	}
	for _, m := range v.Statement.Machines {
		v.Machines = append(v.Machines, namedFigures{Machine: name(m.Machine), Kinds: m.Kinds, Amount: dollars(m.Total().NanoDollars)})
	}
	for _, p := range v.Statement.Pairs {
		v.Pairs = append(v.Pairs, namedFigures{
			Machine: name(p.Machine), Receiver: name(p.Receiver), Operator: p.Receiver == "", Kinds: p.Kinds, Amount: dollars(p.Total().NanoDollars),
		})
	}
	return nil
}

// namer finds the names of machines. Of what is no machine, the name is the id.
func (d *dashboard) namer(ctx context.Context, ids []m2m.MachineID) (func(m2m.MachineID) machines.End, error) {
	ends, err := d.Graph.Ends(ctx, ids)
	if err != nil {
		return nil, err
	}
	return func(id m2m.MachineID) machines.End {
		if end, ok := ends[id]; ok {
			return end
		}
		return machines.End{ID: id, Name: string(id), Deleted: true}
	}, nil
}

func allowanceOf(o usage.Outlook) allowance {
	return allowance{Free: o.Free, Left: o.FreeLeft, Price: dollars(o.NanoDollars)}
}

// usageFile is the address of a report as CSV; its parameters are those of GET /v1/usage.
func usageFile(start, end time.Time, interval usage.Interval, groups string) string {
	return usagePath + ".csv?" + url.Values{
		"start": {start.Format(time.RFC3339)}, "end": {end.Format(time.RFC3339)}, "interval": {string(interval)}, "group_by": {groups},
	}.Encode()
}

func monthStart(t time.Time) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}
