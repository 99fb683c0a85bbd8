package dashboard

import (
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/usage"
)

// chart is bars over time, stacked by format. Widths are percentages and heights pixels, so its letters have one size on every screen.
type chart struct {
	Title   string
	Summary string // for who does not see it; the table beside it has every figure
	Top     string // the figure at the upper line
	Bars    []bar
}

// bar is one hour or day.
type bar struct {
	Label    string // exact figures, on hover
	Tick     string // under the bar; empty: none
	Rare     bool   // the tick is left out where there is little room
	X, Width string
	Middle   string
	Lower    part // opaque
	Upper    part // JWT
}

// part is a piece of a bar.
type part struct {
	Y, Height int
}

const (
	plotTop    = 18 // of the upper line, below its figure
	plotHeight = 130
)

// slot is one bar before it has a place.
type slot struct {
	label, tick string
	rare        bool
	opaque, jwt int64
}

// draw places bars. Something that was counted is at least a pixel high.
func draw(title string, noun string, slots []slot) chart {
	c := chart{Title: title}
	var most, total int64
	for _, s := range slots {
		most = max(most, s.opaque+s.jwt)
		total += s.opaque + s.jwt
	}
	c.Top = number(most)
	c.Summary = fmt.Sprintf("%s %s in all; at most %s in one bar.", number(total), noun, number(most))
	high := func(n int64) int {
		if n == 0 {
			return 0
		}
		return max(1, int(float64(n)/float64(most)*plotHeight+.5))
	}
	step := 100 / float64(max(len(slots), 1))
	for i, s := range slots {
		b := bar{
			Label: fmt.Sprintf("%s: %s opaque, %s JWT", s.label, number(s.opaque), number(s.jwt)), Tick: s.tick, Rare: s.rare,
			X: percent(step * (float64(i) + .12)), Width: percent(step * .76), Middle: percent(step * (float64(i) + .5)),
		}
		lower, both := high(s.opaque), high(s.opaque+s.jwt)
		if s.jwt > 0 && s.opaque > 0 {
			both = max(both, lower+1)
		}
		b.Lower = part{plotTop + plotHeight - lower, lower}
		b.Upper = part{plotTop + plotHeight - both, both - lower}
		c.Bars = append(c.Bars, b)
	}
	return c
}

func percent(f float64) string { return fmt.Sprintf("%.2f%%", f) }

// figures is an interval's amounts as a table shows them.
type figures struct {
	Label  string
	Link   string // empty: none
	Kinds  usage.Kinds
	Amount string
}

// charts are creations and verifications of the same intervals.
type charts struct {
	Created  chart
	Verified chart
	Rows     []figures // those in which something was counted
}

// chartsOf draws intervals that begin at start and are step long. Rows get their links from link, which may be nil.
func chartsOf(hours []usage.HourOf, start, end time.Time, step time.Duration, link func(time.Time) string) charts {
	sums := map[time.Time]usage.Kinds{}
	for _, h := range hours {
		if !h.Start.Before(start) && h.Start.Before(end) {
			at := h.Start.Truncate(step)
			sums[at] = sums[at].Plus(h.Kinds)
		}
	}
	layout, tick, every := "2006-01-02 15:04", "15:04", 6
	if step > time.Hour {
		layout, tick, every = "2006-01-02", "2", 5
	}
	var made, checked []slot
	var out charts
	for at, i := start, 0; at.Before(end); at, i = at.Add(step), i+1 {
		k := sums[at]
		s := slot{label: at.Format(layout)}
		if i%every == 0 {
			s.tick, s.rare = at.Format(tick), i/every%2 == 1
		}
		s.opaque, s.jwt = k.CreatedOpaque.Usage, k.CreatedJWT.Usage
		made = append(made, s)
		s.opaque, s.jwt = k.VerifiedOpaque.Usage, k.VerifiedJWT.Usage
		checked = append(checked, s)
		if k.Total().Usage == 0 {
			continue
		}
		row := figures{Label: at.Format(layout), Kinds: k, Amount: dollars(k.Total().NanoDollars)}
		if link != nil {
			row.Link = link(at)
		}
		out.Rows = append(out.Rows, row)
	}
	out.Created = draw("Creations", "creations", made)
	out.Verified = draw("Verifications", "verifications", checked)
	return out
}
