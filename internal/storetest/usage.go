package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

func usagePromises(t *testing.T, open OpenHot) {
	t.Helper()
	t.Run("UsageRowsAddUpTheWritersInOrder", func(t *testing.T) { usageInOrder(t, open) })
	t.Run("UsageFallsIntoTheHourOfTheDatabase", func(t *testing.T) { usageHour(t, open) })
}

func usageInOrder(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	const a, b, c = "mch_000000000000000000000000000", "mch_A00000000000000000000000000", "mch_a00000000000000000000000000"
	hour := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	put := func(at time.Time, machine, receiver, op, format, writer string, n int64) {
		w.Exec("INSERT INTO usage (hour, machine_id, receiver_id, operation, format, writer, count) VALUES "+values(1, 7),
			at.UnixMilli(), machine, receiver, op, format, writer, n)
	}
	put(hour, c, a, "verify", "opaque", "w1", 3)
	put(hour, c, a, "verify", "opaque", "w2", 4)
	put(hour, b, c, "verify", "jwt", "w2", 1)
	put(hour, b, "", "verify", "opaque", "w2", 2)
	put(hour, b, "", "create", "opaque", "w1", 5)
	put(hour.Add(-time.Hour), a, b, "verify", "opaque", "w1", 7)
	put(hour.Add(time.Hour), a, b, "verify", "opaque", "w1", 1<<40)
	all := []usage.Row{
		{Hour: hour.Add(-time.Hour), Machine: a, Receiver: b, Operation: m2m.OpVerify, Format: m2m.Opaque, Count: 7},
		{Hour: hour, Machine: b, Operation: m2m.OpCreate, Format: m2m.Opaque, Count: 5},
		{Hour: hour, Machine: b, Operation: m2m.OpVerify, Format: m2m.Opaque, Count: 2},
		{Hour: hour, Machine: b, Receiver: c, Operation: m2m.OpVerify, Format: m2m.JWT, Count: 1},
		{Hour: hour, Machine: c, Receiver: a, Operation: m2m.OpVerify, Format: m2m.Opaque, Count: 7},
		{Hour: hour.Add(time.Hour), Machine: a, Receiver: b, Operation: m2m.OpVerify, Format: m2m.Opaque, Count: 1 << 40},
	}
	for _, span := range []struct {
		from, until int
		want        []usage.Row
	}{{-1, 2, all}, {0, 1, all[1:5]}, {-1, 1, all[:5]}, {2, 9, nil}, {1, 0, nil}} {
		var got []usage.Row
		err := w.UsageRows(t.Context(), hour.Add(time.Duration(span.from)*time.Hour), hour.Add(time.Duration(span.until)*time.Hour),
			func(r usage.Row) error { got = append(got, r); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(span.want, got); diff != "" {
			t.Errorf("hours %d to %d: %s", span.from, span.until, diff)
		}
	}
	enough := errors.New("enough")
	visits := 0
	err := w.UsageRows(t.Context(), hour, hour.Add(time.Hour), func(usage.Row) error { visits++; return enough })
	if !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}

func usageHour(t *testing.T, open OpenHot) {
	t.Helper()
	w := newWorld(t, open, m2m.Live)
	defer w.whole()
	a, aSecret := w.machine()
	w.scope(a, a)
	before := w.now()
	n := w.opaque(a, a)
	w.put(n)
	if _, err := w.CheckTokens(t.Context(), []tokens.Check{{Caller: aSecret, Token: presented(n)}}); err != nil {
		t.Fatal(err)
	}
	after := w.now()
	if early := w.Int("SELECT min(hour) FROM usage"); early != before-before%3_600_000 {
		t.Errorf("hour %d, the clock said %d", early, before)
	}
	if late := w.Int("SELECT max(hour) FROM usage"); late != after-after%3_600_000 && late != before-before%3_600_000 {
		t.Errorf("hour %d, the clock said %d", late, after)
	}
}
