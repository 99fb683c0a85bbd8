package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/store"
	"github.com/dualmint/dualmint/internal/tokens"
)

// inProcess is verification without HTTP: the service over grouping over the database, in this process.
type inProcess struct {
	db      *store.DB
	service *tokens.Service
	stop    func()
	ended   chan error
}

func startInProcess(ctx context.Context, f *fixture) (*inProcess, error) {
	db, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	grouped := tokens.NewGrouped(db, tokens.GroupOptions{Workers: 2, MaxQueue: 4096}, time.Now)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &inProcess{db: db, stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- grouped.Run(running) }()
	p.service = tokens.New(tokens.Deps{Store: db, Hot: grouped, Opaque: opaque.New(), Now: time.Now})
	return p, nil
}

func (p *inProcess) close() error {
	p.stop()
	return errors.Join(<-p.ended, p.db.Close())
}

// verify lets so many callers verify the busy tokens one after the other.
func (p *inProcess) verify(ctx context.Context, f *fixture, callers, busy int, warm, span time.Duration) (result, error) {
	began := time.Now()
	from, until := began.Add(warm), began.Add(warm+span)
	latencies, errs := make([]histogram, callers), make([]error, callers)
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			asked := time.Now()
			for at := i * busy / callers; ; at++ {
				if _, err := p.service.Verify(ctx, f.receiver(at%busy), f.token(at%busy)); err != nil {
					errs[i] = err
					return
				}
				now := time.Now()
				if now.After(until) {
					return
				}
				if now.After(from) {
					latencies[i].add(now.Sub(asked))
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
