package main

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/dualmint/dualmint/verify"
)

// turns measures what one caller does alone, half a millisecond of each in turn, so that whatever else the machine does meets them all alike. Figures are of the median: a turn that was interrupted says nothing of what it measures.
type turns struct {
	players []player
	taken   map[string]result // of the last round, by those who have not been asked for yet
}

type player struct {
	name string
	do   func() error
	each int // times in a turn: enough to be in the processor's caches, too few to be interrupted often
}

func (r *receivingSide) newTurns(sees func(*verify.Verifier) func() error) *turns {
	raw, err := r.raw()
	if err != nil {
		raw = func() error { return err }
	}
	return &turns{players: []player{
		{rawSignature, raw, 8},
		{firstSight, sees(r.forgetful), 8},
		{withKeyfunc, func() error { _, err := r.parser.Parse(r.token, r.keyfunc.Keyfunc); return err }, 8},
		{seenBefore, sees(r.both), 512},
	}}
}

// of gives the result of one of them; the first that is asked for in a round measures them all.
func (t *turns) of(name string, o options) func(context.Context) (result, error) {
	return func(context.Context) (result, error) {
		if _, ok := t.taken[name]; !ok {
			if err := t.take(o.warm + o.span*time.Duration(len(t.players))); err != nil {
				return result{}, err
			}
		}
		got := t.taken[name]
		delete(t.taken, name)
		return got, nil
	}
}

func (t *turns) take(span time.Duration) error {
	latencies := make([]histogram, len(t.players))
	for until := time.Now().Add(span); time.Now().Before(until); {
		for i, p := range t.players {
			began := time.Now()
			for range p.each {
				if err := p.do(); err != nil {
					return err
				}
			}
			latencies[i].add(time.Since(began))
		}
	}
	t.taken = map[string]result{}
	for i, p := range t.players {
		l := &latencies[i]
		one := l.quantile(0.5).Seconds() / float64(p.each)
		t.taken[p.name] = result{rate: 1 / one, alone: one, allocs: mallocsOf(p.do)}
	}
	return nil
}

// mallocsOf is how many objects are allocated each time; what else goes on in this process is a fraction of one.
func mallocsOf(do func() error) float64 {
	const times = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		_ = do() // has been seen to succeed
	}
	runtime.ReadMemStats(&after)
	return math.Round(float64(after.Mallocs-before.Mallocs) / times)
}
