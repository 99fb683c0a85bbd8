package usage

import (
	"errors"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
)

func TestParseQueryReadsTheWire(t *testing.T) {
	for _, x := range []struct {
		start, end, interval, groupBy string
		want                          Query
	}{
		{"2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "", "", span("2026-01-01T00", "2026-02-01T00", Day, Groups{})},
		{"2026-01-01T05:30:00+05:30", "2026-01-01T01:00:00.000Z", "hour", "machine", span("2026-01-01T00", "2026-01-01T01", Hour, Groups{Machine: true})},
		{"2024-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "month", "operation,format,receiver,machine", span("2024-01-01T00", "2027-01-01T00", Month, Groups{true, true, true, true})},
	} {
		if got, err := ParseQuery(x.start, x.end, x.interval, x.groupBy); err != nil || got != x.want {
			t.Errorf("ParseQuery(%q, %q, %q, %q) = %v, %v", x.start, x.end, x.interval, x.groupBy, got, err)
		}
	}
}

// R19: only what is on the lists. R56: every fault is the sender's, by the parameter's name.
func TestParseQueryNamesTheParameterAtFault(t *testing.T) {
	const start, end = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
	for _, x := range []struct {
		start, end, interval, groupBy, field string
		reason                               m2m.Reason
	}{
		{"", end, "", "", "start", m2m.Missing},
		{start, "", "", "", "end", m2m.Missing},
		{"2026-01-01", end, "", "", "start", m2m.WrongFormat},
		{"1767225600", end, "", "", "start", m2m.WrongFormat},
		{"2026-01-01T00:00:00 00:00", end, "", "", "start", m2m.WrongFormat},
		{"2026-01-01T0:00:00Z", end, "", "", "start", m2m.WrongFormat},
		{"2026-01-01T00:00:00,0Z", end, "", "", "start", m2m.WrongFormat},
		{start, "2026-01-31T23:59:60Z", "", "", "end", m2m.WrongFormat},
		{"2026-01-01T00:30:00Z", end, "", "", "start", m2m.WrongValue},
		{"2026-01-01T00:00:00+05:30", end, "", "", "start", m2m.WrongValue},
		{start, "2026-01-31T23:59:59.999999999Z", "", "", "end", m2m.WrongValue},
		{start, start, "", "", "end", m2m.WrongValue},
		{end, start, "", "", "end", m2m.WrongValue},
		{"2024-01-01T00:00:00Z", "2027-01-01T01:00:00Z", "", "", "end", m2m.WrongValue},
		{"0000-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "", "", "end", m2m.WrongValue},
		{start, end, "week", "", "interval", m2m.WrongValue},
		{start, end, "Day", "", "interval", m2m.WrongValue},
		{start, end, "", "hash", "group_by", m2m.WrongValue},
		{start, end, "", "machine,machine", "group_by", m2m.WrongValue},
		{start, end, "", "machine,", "group_by", m2m.WrongValue},
		{start, end, "", "machine, format", "group_by", m2m.WrongValue},
	} {
		_, err := ParseQuery(x.start, x.end, x.interval, x.groupBy)
		if fault, ok := errors.AsType[*m2m.FieldError](err); !ok || fault.Field != x.field || fault.Reason != x.reason {
			t.Errorf("ParseQuery(%q, %q, %q, %q): %v; want %s %s", x.start, x.end, x.interval, x.groupBy, err, x.field, x.reason)
		}
	}
	if _, err := New(rows{}, PriceList{}).Report(t.Context(), operator(), Query{}); err == nil {
		t.Error("the zero query gave a report")
	}
}
