package batch

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowded is a Group of two workers, the second of which waits for three questions, with one call under way for so long.
func crowded(t *testing.T, takes time.Duration, body func(b bubble, r *recorder, ask func(n int))) {
	t.Helper()
	o := options()
	o.Workers, o.Crowd, o.Quick = 2, 3, 20*time.Millisecond
	r := &recorder{takes: takes}
	run(t, r.ask, o, func(b bubble) {
		var asked sync.WaitGroup
		ask := func(n int) {
			asked.Go(func() {
				if _, err := b.Do(b.Context(), "a", []int{n}); err != nil {
					b.Error(err)
				}
			})
			synctest.Wait()
		}
		ask(1)
		body(b, r, ask)
		asked.Wait()
	})
}

func (r *recorder) sizes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int
	for _, b := range r.batches {
		out = append(out, len(b))
	}
	return out
}

func TestAnotherWorkerBeginsForACrowdAlone(t *testing.T) {
	crowded(t, 10*time.Millisecond, func(b bubble, r *recorder, ask func(int)) {
		ask(2)
		ask(3)
		if got := r.sizes(); len(got) != 1 {
			b.Errorf("batches of %v although two are no crowd", got)
		}
		ask(4)
		if got := r.sizes(); len(got) != 2 || got[1] != 3 {
			b.Errorf("batches of %v, want the crowd of three beside the first", got)
		}
	})
}

func TestFewerThanACrowdGoAsSoonAsTheOthersAreDone(t *testing.T) {
	crowded(t, 10*time.Millisecond, func(b bubble, r *recorder, ask func(int)) {
		ask(2)
		ask(3)
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if got := r.sizes(); len(got) != 2 || got[1] != 2 {
			b.Errorf("batches of %v, want both that waited in one", got)
		}
	})
}

func TestAHeldUpWorkerHoldsNobodyUp(t *testing.T) {
	crowded(t, 3*time.Second, func(b bubble, r *recorder, ask func(int)) {
		ask(2)
		time.Sleep(options().MaxWait / 2)
		synctest.Wait()
		if got := r.sizes(); len(got) != 2 || got[1] != 1 {
			b.Errorf("batches of %v while the first worker is held up", got)
		}
	})
}

func TestNobodyWaitsForACrowdWhereBatchesAreSlow(t *testing.T) {
	crowded(t, 100*time.Millisecond, func(b bubble, r *recorder, ask func(int)) {
		time.Sleep(100 * time.Millisecond) // the first tells how long they take
		synctest.Wait()
		ask(2)
		time.Sleep(10 * time.Millisecond)
		ask(3)
		if got := r.sizes(); len(got) != 3 || got[2] != 1 {
			b.Errorf("batches of %v, want the third beside the second", got)
		}
	})
}

// Of callers that are ready at the same moment, the first does not go alone, with one worker or with two. The scheduler promises no order, so
// most times have to do; a worker that seals as soon as it is woken hardly ever does it.
func TestThoseWhoAreReadyGoTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for workers := 1; workers <= 2; workers++ {
		const rounds = 100
		o := options()
		o.Workers = workers
		r := &recorder{takes: time.Millisecond}
		together := 0
		run(t, r.ask, o, func(b bubble) {
			for range rounds {
				synctest.Wait() // the workers wait
				before := len(r.sizes())
				var asked sync.WaitGroup
				for n := range 8 {
					asked.Go(func() {
						if _, err := b.Do(b.Context(), "a", []int{n}); err != nil {
							b.Error(err)
						}
					})
				}
				asked.Wait()
				if len(r.sizes()) == before+1 {
					together++
				}
			}
		})
		if together < rounds*7/10 {
			t.Errorf("%d workers: eight callers that were ready were one batch in %d of %d rounds", workers, together, rounds)
		} else {
			t.Logf("%d workers: %d of %d", workers, together, rounds)
		}
	}
}

// At the pace of a batch of one that takes 1 ms, 16 are not done within 10 ms; at that of 8 they are, and where each takes 6 ms never.
func TestBatchesAreLargerWhereTheyAreQuick(t *testing.T) {
	for takes, want := range map[time.Duration][]int{time.Millisecond: {1, 8, 16, 12}, 6 * time.Millisecond: {1, 8, 8, 8, 8, 4}} {
		o := options()
		o.Quick, o.MaxQuick, o.MaxShare = 10*time.Millisecond, 16, 64
		r := &recorder{takes: takes}
		run(t, r.ask, o, func(b bubble) {
			var asked sync.WaitGroup
			for n := range 37 {
				asked.Go(func() {
					if _, err := b.Do(b.Context(), "a", []int{n}); err != nil {
						b.Error(err)
					}
				})
				synctest.Wait()
			}
			asked.Wait()
			if got := r.sizes(); !slices.Equal(got, want) {
				b.Errorf("each takes %v: batches of %v, want %v", takes, got, want)
			}
		})
	}
}

// A small batch tells nothing of how quick a large one is.
func TestALargeBatchIsNotHopedFor(t *testing.T) {
	o := options()
	o.Quick, o.MaxQuick, o.MaxShare = 10*time.Millisecond, 16, 64
	r := &recorder{takes: time.Millisecond}
	run(t, r.ask, o, func(b bubble) {
		var asked sync.WaitGroup
		ask := func(n int) {
			for range n {
				asked.Go(func() {
					if _, err := b.Do(b.Context(), "a", []int{1}); err != nil {
						b.Error(err)
					}
				})
			}
			synctest.Wait()
		}
		ask(1)
		ask(8)
		asked.Wait()
		ask(1) // after a quick one of eight
		ask(20)
		asked.Wait()
		if got, want := r.sizes(), []int{1, 8, 1, 8, 12}; !slices.Equal(got, want) {
			b.Errorf("batches of %v, want %v", got, want)
		}
	})
}
