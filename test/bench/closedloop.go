package main

import (
	"sync"
	"time"
)

// closedLoop lets so many callers do something again and again, each when it has done it before, for a while that does not count and for
// one that does. do is told which caller it is and how often it has been called.
func closedLoop(callers int, warm, span time.Duration, do func(caller, n int) error) (result, error) {
	began := time.Now()
	from, until := began.Add(warm), began.Add(warm+span)
	latencies, errs := make([]histogram, callers), make([]error, callers)
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			asked := time.Now()
			for n := 0; ; n++ {
				if err := do(caller, n); err != nil {
					errs[caller] = err
					return
				}
				now := time.Now()
				if now.After(until) {
					return
				}
				if now.After(from) {
					latencies[caller].add(now.Sub(asked))
				}
				asked = now
			}
		})
	}
	running.Wait()
	var all histogram
	for i := range latencies {
		all.merge(&latencies[i])
	}
	return resultOf(&all, span, 1), firstOf(errs)
}
