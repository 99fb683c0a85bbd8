package masterkey

import (
	"context"
	"errors"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// batch is how many values one transaction replaces: few enough that a replica that writes the same rows waits for milliseconds only.
const batch = 500

// passes bounds how often the walk begins again because something was sealed under an old version meanwhile.
const passes = 3

// ErrNotOpened means that some values open with none of the master keys. They were left as they are.
var ErrNotOpened = errors.New("some sealed values open with none of the configured master keys: is a key missing in the list?")

// ErrLeft means that values are still sealed under other versions: a replica whose list does not begin with the new key goes on sealing.
var ErrLeft = errors.New("values are still being sealed under an older master key: does every replica's list begin with the new one?")

// Report is what a walk did and what it left.
type Report struct {
	Resealed map[Table]int64
	Unopened map[Table]int64 // left as they are
	Counts   []Count         // after the walk
}

// Left is how many values are sealed under any version but current.
func Left(counts []Count, current string) int64 {
	n := int64(0)
	for _, c := range counts {
		if c.Version != current {
			n += c.Values
		}
	}
	return n
}

// Reseal seals everything anew that is not sealed under the first master key. It may run while replicas serve, be killed and run again,
// and run twice at once. The canary is moved only once nothing else is left. The report is good with ErrNotOpened and ErrLeft too.
func Reseal(ctx context.Context, store Store, sealer *secret.Sealer, by m2m.Actor) (Report, error) {
	w := walk{store: store, sealer: sealer, by: by, report: Report{Resealed: map[Table]int64{}, Unopened: map[Table]int64{}}}
	for range passes {
		clear(w.report.Unopened)
		for _, t := range Tables() {
			if t == Canary && w.othersLeft() > 0 {
				continue
			}
			if err := w.table(ctx, t); err != nil {
				return w.report, err
			}
			if err := w.count(ctx); err != nil {
				return w.report, err
			}
		}
		left := Left(w.report.Counts, sealer.Version())
		if left == 0 {
			return w.report, nil
		}
		if w.unopened() == left {
			return w.report, ErrNotOpened
		}
	}
	if w.unopened() > 0 {
		return w.report, ErrNotOpened
	}
	return w.report, ErrLeft
}

type walk struct {
	store  Store
	sealer *secret.Sealer
	by     m2m.Actor
	report Report
}

// othersLeft is how many values but the canary are left.
func (w *walk) othersLeft() int64 {
	n := int64(0)
	for _, c := range w.report.Counts {
		if c.Version != w.sealer.Version() && c.Table != Canary {
			n += c.Values
		}
	}
	return n
}

func (w *walk) unopened() int64 {
	n := int64(0)
	for _, of := range w.report.Unopened {
		n += of
	}
	return n
}

func (w *walk) count(ctx context.Context) error {
	counts, err := w.store.SealedCounts(ctx)
	if err != nil {
		return fmt.Errorf("count sealed values: %w", err)
	}
	w.report.Counts = counts
	return nil
}

// table moves one table, version by version.
func (w *walk) table(ctx context.Context, t Table) error {
	if err := w.count(ctx); err != nil {
		return err
	}
	for _, c := range w.report.Counts {
		if c.Table != t || c.Version == w.sealer.Version() {
			continue
		}
		if err := w.version(ctx, t, c.Version); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) version(ctx context.Context, t Table, version string) error {
	for after := ""; ; {
		values, err := w.store.SealedUnder(ctx, t, version, after, batch)
		if err != nil {
			return fmt.Errorf("read sealed values of %s: %w", t, err)
		}
		if len(values) == 0 {
			return nil
		}
		after = values[len(values)-1].Row
		swaps := make([]Swap, 0, len(values))
		for _, v := range values {
			plain, err := w.sealer.Open(v.Place, v.Sealed)
			if err != nil {
				w.report.Unopened[t]++
				continue
			}
			swaps = append(swaps, Swap{Value: v, Next: w.sealer.Seal(v.Place, plain)})
			clear(plain)
		}
		n, err := w.store.Reseal(ctx, w.by, t, swaps)
		if err != nil {
			return fmt.Errorf("seal %s anew: %w", t, err)
		}
		w.report.Resealed[t] += n
	}
}
