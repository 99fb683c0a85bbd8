//go:build !race

package batch

import (
	"context"
	"testing"
	"time"
)

// A lone call costs a lane of its own, and the batch's context.
func TestACallAllocatesLittle(t *testing.T) {
	o := options()
	g := New[string](func(_ context.Context, q []int) ([]int, error) { return q, nil }, o, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	q := []int{1}
	got := testing.AllocsPerRun(500, func() {
		if _, err := g.Do(ctx, "a", q); err != nil {
			t.Error(err)
		}
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("%.0f allocations", got)
	if got > 8 {
		t.Errorf("%.0f allocations for one call", got)
	}
}
