package main

import (
	"context"
	"errors"
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
	return closedLoop(callers, warm, span, func(caller, n int) error {
		at := (caller*busy/callers + n) % busy
		_, err := p.service.Verify(ctx, f.receiver(at), f.token(at))
		return err
	})
}
