package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dualmint/dualmint/internal/batch"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Grouped is a HotStore that shares the calls of another: requests that arrive while a transaction is under way go into the next one
// together. A batch is sealed before its transaction begins, so an answer is never older than its question, and revocation stays
// instant. The fair share is counted per credential; creations, whose callers are known by then, per machine.
type Grouped struct {
	checks  *batch.Group[secret.Hash, Check, Verdict]
	records *batch.Group[m2m.MachineID, NewRecord, error]
	callers *batch.Group[secret.Hash, secret.Hash, m2m.Caller]
}

// GroupOptions are the settings of grouping.
type GroupOptions struct {
	Workers  int // transactions of one sort under way at a time, 1 to 4
	MaxQueue int // requests waiting, of one sort
	// Left tells of which callers of CheckTokens it is known that they have gone although their contexts have not ended. Nil: of none.
	Left func(callers []context.Context) []bool
}

const (
	maxBatch      = 256                    // what one transaction takes; verify_batch is never larger
	maxQuickBatch = 512                    // the same, of checks, where so many are quick
	maxWait       = 700 * time.Millisecond // leaves room for what a slow batch takes longer than the one before it, within a second
	batchDeadline = 5 * time.Second
	crowd         = 32                    // a transaction of one costs about as much as twenty more questions in another (docs/performance.md)
	quickBatch    = 20 * time.Millisecond // where commits are slow, two at a time are better than few
	crowdOfChecks = 96                    // they are cheaper; well below half of 256 callers, who else wait for each other (docs/performance.md)
)

// NewGrouped groups the calls of store. They wait until Run runs.
func NewGrouped(store HotStore, o GroupOptions, now func() time.Time) *Grouped {
	options := batch.Options{
		Workers: o.Workers, MaxBatch: maxBatch, MaxQueue: o.MaxQueue, MaxShare: max(o.MaxQueue/2, maxBatch),
		MaxWait: maxWait, Deadline: batchDeadline, Crowd: crowd, Quick: quickBatch, Alone: nothingDone,
	}
	checking := options
	checking.MaxQuick, checking.Crowd, checking.Left = maxQuickBatch, crowdOfChecks, o.Left
	reading := options
	reading.Alone = func(err error) bool { return !errors.Is(err, m2m.ErrUnavailable) } // who has only read has done nothing
	return &Grouped{
		checks:  batch.New[secret.Hash](store.CheckTokens, checking, now),
		records: batch.New[m2m.MachineID](store.RecordTokens, options, now),
		callers: batch.New[secret.Hash](store.Callers, reading, now),
	}
}

// nothingDone tells whether the calls of a transaction that ended with err may be tried one by one. Only the store knows: what does not
// say so, a panic for one, may have been committed and would be billed twice.
func nothingDone(err error) bool {
	return errors.Is(err, ErrNothingDone) && !errors.Is(err, m2m.ErrUnavailable)
}

// Run works until ctx ends and every request that was accepted has its answer.
func (g *Grouped) Run(ctx context.Context) error {
	var running sync.WaitGroup
	errs := make([]error, 3)
	running.Go(func() { errs[0] = g.checks.Run(ctx) })
	running.Go(func() { errs[1] = g.records.Run(ctx) })
	running.Go(func() { errs[2] = g.callers.Run(ctx) })
	running.Wait()
	return errors.Join(errs...)
}

// CheckTokens asks all checks of one request in one batch.
func (g *Grouped) CheckTokens(ctx context.Context, checks []Check) ([]Verdict, error) {
	if len(checks) == 0 {
		return nil, nil
	}
	return groupAnswer(g.checks.Do(ctx, checks[0].Caller, checks))
}

// RecordTokens records all tokens of one request in one batch.
func (g *Grouped) RecordTokens(ctx context.Context, records []NewRecord) ([]error, error) {
	if len(records) == 0 {
		return nil, nil
	}
	return groupAnswer(g.records.Do(ctx, records[0].Grant.Machine, records))
}

// Callers looks up all credentials of one request in one batch.
func (g *Grouped) Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error) {
	if len(credentials) == 0 {
		return nil, nil
	}
	return groupAnswer(g.callers.Do(ctx, credentials[0], credentials))
}

// groupAnswer puts what batch says into the words of the domain.
func groupAnswer[A any](answers []A, err error) ([]A, error) {
	switch {
	case err == nil:
		return answers, nil
	case errors.Is(err, batch.ErrBusy):
		return nil, fmt.Errorf("%w: %w", m2m.ErrBusy, err)
	case errors.Is(err, batch.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", m2m.ErrUnavailable, err)
	default:
		return nil, err
	}
}
