package dashboard

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
)

// picture is a drawing of edges between columns of machines. Positions across are percentages, those down are pixels.
type picture struct {
	Height int
	Nodes  []node
	Lines  []line
	Heads  []head // of the columns
}

// node is a machine in a column.
type node struct {
	machines.End
	Label  string // shortened; more of the name is told on hover
	X      string
	Y      int
	Anchor string // of the letters: start, middle or end
	Chosen bool
}

// line is an edge.
type line struct {
	X1, X2 string
	Y1, Y2 int
	Class  string
	Width  string
	Label  string // what was verified; empty: nothing
	LX     string
	LY     int
	Title  string
}

type head struct {
	X, Anchor, Text string
}

// column is where the letters of a column begin, and where lines leave it and arrive at it, in per cent.
type column struct {
	at      float64
	anchor  string
	in, out float64
	letters int // that a label may have
}

const (
	rowHeight = 30
	headRoom  = 30
)

// stage collects a picture.
type stage struct {
	p    picture
	y    map[string]int // of a node, by column and id
	most int64          // verified on one edge
	n    int            // lines so far
}

// drawEdges draws two columns: who calls on the left, who is called on the right. A machine that does both stands in both.
func drawEdges(edges []machines.Edge) picture {
	callers := ends(edges, func(e machines.Edge) machines.End { return e.From })
	called := ends(edges, func(e machines.Edge) machines.End { return e.To })
	for range 4 { // each side in the order of what it is joined with: fewer lines cross
		arrange(called, callers, edges, func(e machines.Edge) (mine, theirs m2m.MachineID) { return e.To.ID, e.From.ID })
		arrange(callers, called, edges, func(e machines.Edge) (mine, theirs m2m.MachineID) { return e.From.ID, e.To.ID })
	}
	left := column{at: 36, anchor: "end", out: 36.8, letters: 27}
	right := column{at: 64, anchor: "start", in: 63.2, letters: 27}
	s := newStage(max(len(callers), len(called)), edges)
	s.p.Heads = []head{{"36%", "end", "May call"}, {"64%", "start", "May be called"}}
	s.column("l", left, callers, "")
	s.column("r", right, called, "")
	for _, e := range edges {
		s.line("l", left, "r", right, e)
	}
	return s.p
}

// drawAround draws one machine with its callers on the left and whom it calls on the right.
func drawAround(m machines.End, calls, callers []machines.Edge) picture {
	left := column{at: 31, anchor: "end", out: 31.8, letters: 23}
	middle := column{at: 50, anchor: "middle", in: 41, out: 59, letters: 14}
	right := column{at: 69, anchor: "start", in: 68.2, letters: 23}
	s := newStage(max(len(calls), len(callers), 1), slices.Concat(calls, callers))
	s.p.Heads = []head{{"31%", "end", "May call it"}, {"69%", "start", "It may call"}}
	s.column("l", left, ends(callers, func(e machines.Edge) machines.End { return e.From }), "")
	s.column("m", middle, []machines.End{m}, m.ID)
	s.column("r", right, ends(calls, func(e machines.Edge) machines.End { return e.To }), "")
	for _, e := range callers {
		s.line("l", left, "m", middle, e)
	}
	for _, e := range calls {
		s.line("m", middle, "r", right, e)
	}
	return s.p
}

func newStage(rows int, edges []machines.Edge) *stage {
	s := &stage{y: map[string]int{}}
	s.p.Height = headRoom + rows*rowHeight + 6
	for _, e := range edges {
		s.most = max(s.most, e.Verified)
	}
	return s
}

// column spreads machines over the height.
func (s *stage) column(name string, c column, list []machines.End, chosen m2m.MachineID) {
	room := float64(s.p.Height-headRoom-6) / float64(max(len(list), 1))
	for i, end := range list {
		y := headRoom + int(room*(float64(i)+.5))
		s.y[name+string(end.ID)] = y
		s.p.Nodes = append(s.p.Nodes, node{
			End: end, Label: shorten(end.Name, c.letters), X: percent(c.at), Y: y, Anchor: c.anchor, Chosen: end.ID == chosen,
		})
	}
}

// line joins two machines. The more was verified, the thicker it is: every factor of ten counts the same.
func (s *stage) line(from string, a column, to string, b column, e machines.Edge) {
	l := line{
		X1: percent(a.out), Y1: s.y[from+string(e.From.ID)], X2: percent(b.in), Y2: s.y[to+string(e.To.ID)], Class: "quiet", Width: "1.2",
	}
	may := "may call"
	if !e.Scope {
		l.Class, may = "gone", "may not call any more"
	}
	l.Title = inline(fmt.Sprintf("%s %s %s: %s verified", listed(e.From.Name), may, listed(e.To.Name), number(e.Verified)))
	if e.Verified > 0 {
		if e.Scope {
			l.Class = "busy"
		}
		l.Width = fmt.Sprintf("%.1f", 1.6+3.4*math.Log10(float64(e.Verified)+1)/math.Log10(float64(s.most)+1))
		l.Label = number(e.Verified)
		at := [...]float64{.24, .42, .6, .33, .51}[s.n%5] // figures of lines beside each other stand apart
		l.LX, l.LY = percent(a.out+at*(b.in-a.out)), l.Y1+int(at*float64(l.Y2-l.Y1))
		s.n++
	}
	s.p.Lines = append(s.p.Lines, l)
}

// ends gives each machine of one side of edges once, by name.
func ends(edges []machines.Edge, side func(machines.Edge) machines.End) []machines.End {
	var out []machines.End
	for _, e := range edges {
		out = append(out, side(e))
	}
	slices.SortFunc(out, func(a, b machines.End) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return slices.Compact(out)
}

// arrange orders one side by the middle of what each is joined with on the other.
func arrange(mine, theirs []machines.End, edges []machines.Edge, sides func(machines.Edge) (mine, theirs m2m.MachineID)) {
	place := map[m2m.MachineID]float64{}
	for i, t := range theirs {
		place[t.ID] = (float64(i) + .5) / float64(len(theirs))
	}
	middle := map[m2m.MachineID]float64{}
	count := map[m2m.MachineID]float64{}
	for _, e := range edges {
		m, t := sides(e)
		middle[m] += place[t]
		count[m]++
	}
	slices.SortStableFunc(mine, func(a, b machines.End) int {
		return cmp.Compare(middle[a.ID]/count[a.ID], middle[b.ID]/count[b.ID])
	})
}

// shorten cuts a name where there is no room for all of it. Letters of East Asia are twice as wide.
func shorten(name string, letters int) string {
	width := 0
	for i, r := range name {
		wide := 1
		if r >= 0x1100 {
			wide = 2
		}
		if width += wide; width > letters {
			return name[:lastFit(name, i)] + "…"
		}
	}
	return name
}

// lastFit takes one more letter off, in whose place the dots go.
func lastFit(name string, i int) int {
	at := 0
	for j := range name[:i] {
		at = j
	}
	return at
}
