package usage

import (
	"fmt"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// MaxSpan is the longest span of one report: three years, a leap year among them.
const MaxSpan = 1096 * 24 * time.Hour

// Interval is how long one line of a report lasts: an hour, a day or a month of UTC.
type Interval string

// The intervals.
const (
	Hour  Interval = "hour"
	Day   Interval = "day"
	Month Interval = "month"
)

// Groups chooses what has lines of its own. The zero Groups gives one line an interval.
type Groups struct {
	Machine   bool
	Receiver  bool
	Format    bool
	Operation bool
}

// Query chooses a report. Start and End are whole UTC hours and End is exclusive.
type Query struct {
	Start    time.Time
	End      time.Time
	Interval Interval
	GroupBy  Groups
}

// ParseQuery reads a query as the wire writes it: two bounds in RFC 3339, an interval (none: day) and a comma-separated set of
// groups. Faults are *m2m.FieldError under the parameter's name.
func ParseQuery(start, end, interval, groupBy string) (Query, error) {
	q := Query{Interval: Interval(interval)}
	if interval == "" {
		q.Interval = Day
	}
	var err error
	if q.Start, err = parseBound("start", start); err != nil {
		return Query{}, err
	}
	if q.End, err = parseBound("end", end); err != nil {
		return Query{}, err
	}
	if q.GroupBy, err = parseGroups(groupBy); err != nil {
		return Query{}, err
	}
	return q, q.check()
}

// parseBound is strict where time.Parse is not: it also takes T3:04 and a decimal comma.
func parseBound(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, &m2m.FieldError{Field: name, Reason: m2m.Missing, Message: "is required, such as 2026-01-01T00:00:00Z"}
	}
	const seconds = "2006-01-02T15:04:05"
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Format(seconds) != text[:len(seconds)] || strings.Contains(text, ",") {
		return time.Time{}, &m2m.FieldError{
			Field: name, Reason: m2m.WrongFormat,
			Message: "must be a time as in RFC 3339, such as 2026-01-01T00:00:00Z (a + in a URL is written %2B)",
		}
	}
	return t.UTC(), nil
}

func parseGroups(text string) (Groups, error) {
	var g Groups
	if text == "" {
		return g, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		chosen := map[string]*bool{"machine": &g.Machine, "receiver": &g.Receiver, "format": &g.Format, "operation": &g.Operation}[name]
		if chosen == nil || *chosen {
			return Groups{}, wrong("group_by", "must name machine, receiver, format or operation, each at most once, separated by commas")
		}
		*chosen = true
	}
	return g, nil
}

// check holds a query to its bounds.
func (q Query) check() error {
	if q.Interval != Hour && q.Interval != Day && q.Interval != Month {
		return wrong("interval", "must be hour, day or month")
	}
	if !wholeHour(q.Start) {
		return wrong("start", "must be a whole hour of UTC")
	}
	if !wholeHour(q.End) {
		return wrong("end", "must be a whole hour of UTC")
	}
	if !q.End.After(q.Start) {
		return wrong("end", "must be after start")
	}
	if q.End.Sub(q.Start) > MaxSpan {
		return wrong("end", fmt.Sprintf("must be at most %d days after start", MaxSpan/(24*time.Hour)))
	}
	return nil
}

// bucket gives the start of the line that an hour belongs to, never before the report's own start.
func (q Query) bucket(hour time.Time) time.Time {
	hour = hour.UTC()
	switch q.Interval {
	case Day:
		hour = hour.Truncate(24 * time.Hour) // UTC has no summer time
	case Month:
		hour = monthOf(hour)
	case Hour:
	}
	if hour.Before(q.Start) {
		return q.Start.UTC()
	}
	return hour
}

func wholeHour(t time.Time) bool { return t.Equal(t.Truncate(time.Hour)) }

func wrong(field, message string) *m2m.FieldError {
	return &m2m.FieldError{Field: field, Reason: m2m.WrongValue, Message: message}
}
