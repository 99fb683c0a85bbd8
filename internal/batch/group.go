package batch

// Cost of a call: two short critical sections (queueing, sealing), one wake-up each way. Items are used again, with their channels. No timer
// runs between a question and its batch.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// What a caller may be told instead of an answer. In both cases its questions were not asked.
var (
	ErrBusy   = errors.New("too many questions are waiting")
	ErrClosed = errors.New("closed for new questions")
)

// Options bound a Group. All are required but MaxQuick, Crowd, Quick with these two, and Left.
type Options struct {
	Workers  int           // batches under way at a time
	MaxBatch int           // questions in one batch, unless one call alone has more
	MaxQuick int           // the same, where at the pace of the last batch so many are done within Quick; 0: MaxBatch
	MaxQueue int           // questions waiting, of all keys
	MaxShare int           // questions waiting, of one key
	MaxWait  time.Duration // how long a question waits before it is told to come back later, the time of a batch included (patience)
	Deadline time.Duration // how long one batch may take
	// Crowd is how many questions must wait before another worker begins while one is at it: the fixed cost of a batch is worth paying
	// for a crowd, and fewer are better off in the batch after, as long as that is soon: where the last batch took longer than Quick, and
	// where one has been under way for MaxWait/8, nobody waits for a crowd. 0: each worker begins as soon as it can.
	Crowd int
	Quick time.Duration
	// Alone tells of an error that a batch of several calls ended with whether nothing was done, so that each call may be tried by
	// itself: then one bad call fails alone. It is asked of a panic too, as *PanicError.
	Alone func(error) bool
	// Left tells, in their order, of which calls the callers have gone although their contexts have not ended. It is asked of each batch once, when
	// it has been sealed, before it is run. Nil: of none.
	Left func(callers []context.Context) []bool
}

// Func answers the questions of one batch, in their order. Its context is the Group's own, which ends at the deadline, never a
// caller's.
type Func[Q, A any] func(ctx context.Context, questions []Q) ([]A, error)

// Group makes batches of calls. K is whom a call belongs to, for the fair share. Safe for concurrent use.
type Group[K comparable, Q, A any] struct {
	ask     Func[Q, A]
	options Options
	now     func() time.Time
	items   sync.Pool // of *item, for the calls to come

	mu        sync.Mutex // guards what follows
	wake      sync.Cond  // signalled when a batch is due, and at the end
	queue     queue[K, Q, A]
	took      time.Duration // by the last batch
	held      int           // questions in it
	busy      int           // workers with a batch under way
	gathering bool          // a worker lets others ask before it seals
	sealed    time.Time     // when the last of these began
	closed    bool
}

// New makes a Group. Calls wait until Run runs it.
func New[K comparable, Q, A any](ask Func[Q, A], o Options, now func() time.Time) *Group[K, Q, A] {
	g := &Group[K, Q, A]{ask: ask, options: o, now: now}
	g.wake.L = &g.mu
	g.queue.lanes = map[K]*lane[K, Q, A]{}
	g.items.New = func() any { return &item[Q, A]{answer: make(chan answer[A], 1)} }
	return g
}

// Do asks the questions of one call together, in one batch, and waits for the answers. A caller whose context ends before its batch is
// sealed is not asked for; one whose context ends later leaves without the answer. ErrBusy: the queue is full, this key has its
// share of it, or the call waited too long; come back later.
func (g *Group[K, Q, A]) Do(ctx context.Context, key K, questions []Q) ([]A, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wait for a batch: %w", err)
	}
	if len(questions) == 0 {
		return nil, nil
	}
	i, _ := g.items.Get().(*item[Q, A])
	i.ctx, i.questions, i.since = ctx, questions, g.now()
	if err := g.enqueue(key, i); err != nil {
		g.giveBack(i)
		return nil, err
	}
	var a answer[A]
	if left := ctx.Done(); left == nil { // a receive costs half of what a select does
		a = <-i.answer
	} else {
		select {
		case a = <-i.answer:
		case <-left:
			return nil, fmt.Errorf("wait for a batch: %w", ctx.Err()) // the item is still the batch's
		}
	}
	g.giveBack(i) // answered once, and never looked at after that
	return a.answers, a.err
}

func (g *Group[K, Q, A]) giveBack(i *item[Q, A]) {
	i.ctx, i.questions = nil, nil
	g.items.Put(i)
}

// Run works until ctx ends. Then it refuses new calls, lets those that wait be answered, and returns when the last batch has ended.
func (g *Group[K, Q, A]) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range g.options.Workers {
		workers.Go(g.work)
	}
	// Sealing tells late calls to come back; this does it when every worker is held up.
	tick := time.NewTicker(g.options.MaxWait / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.expire()
		case <-ctx.Done():
			g.mu.Lock()
			g.closed = true
			g.wake.Broadcast()
			g.mu.Unlock()
			workers.Wait()
			return nil
		}
	}
}

func (g *Group[K, Q, A]) expire() {
	g.mu.Lock()
	late := g.queue.takeLate(g.now().Add(-g.patience()))
	g.wake.Broadcast() // who waited for a crowd may have waited long enough
	g.mu.Unlock()
	for _, i := range late {
		i.answer <- answer[A]{err: ErrBusy}
	}
}

func (g *Group[K, Q, A]) enqueue(key K, i *item[Q, A]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if !g.queue.fits(key, len(i.questions), g.options) {
		return ErrBusy
	}
	g.queue.push(key, i)
	if !g.gathering && g.due(i.since) {
		g.wake.Signal()
	}
	return nil
}

// work is one worker: it seals a batch of what waits, runs it, and answers.
func (g *Group[K, Q, A]) work() {
	for {
		items, late, open := g.seal()
		for _, i := range late {
			i.answer <- answer[A]{err: ErrBusy}
		}
		if len(items) > 0 {
			began := g.now()
			if items = g.dropLeft(items); len(items) > 0 {
				n := questionsOf(items)
				g.answerAll(items)
				g.rest(g.now().Sub(began), n)
			} else {
				g.rest(0, 0)
			}
		}
		if !open {
			return
		}
	}
}

// seal waits for calls and takes a batch of them out of the queue, for good: whoever comes from now on is in another.
func (g *Group[K, Q, A]) seal() (items, late []*item[Q, A], open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.gather() {
		if g.closed && g.queue.size == 0 {
			return nil, nil, false
		}
		g.wake.Wait()
	}
	items, late = g.queue.take(g.limit(), g.now().Add(-g.patience()))
	if len(items) > 0 {
		g.busy++
		g.sealed = g.now()
	}
	switch {
	case g.closed: // Run calls expire no more, so the queue is emptied here and nowhere else
		g.wake.Broadcast() // whoever is left takes the rest, or has nothing left to wait for
	case g.due(g.now()):
		g.wake.Signal()
	}
	return items, late, true
}

// gather tells whether a batch is to begin now. Whoever is ready to ask is let ask first, else the first of many would be a batch of its
// own; meanwhile no other worker begins. g.mu is held, and let go of meanwhile.
func (g *Group[K, Q, A]) gather() bool {
	if g.gathering || !g.due(g.now()) {
		return false
	}
	g.gathering = true
	g.mu.Unlock()
	runtime.Gosched()
	g.mu.Lock()
	g.gathering = false
	return g.due(g.now())
}

// rest ends a batch of n questions that took so long; one that was never run tells nothing of how long they take.
func (g *Group[K, Q, A]) rest(took time.Duration, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if n > 0 {
		g.took, g.held = took, n
	}
}

// limit is how many questions the next batch takes. g.mu is held.
func (g *Group[K, Q, A]) limit() int {
	if g.held > 0 && g.took*time.Duration(g.options.MaxQuick) <= g.options.Quick*time.Duration(g.held) {
		return max(g.options.MaxBatch, g.options.MaxQuick)
	}
	return g.options.MaxBatch
}

// due tells whether a batch is to begin at this moment. g.mu is held.
func (g *Group[K, Q, A]) due(at time.Time) bool {
	switch {
	case g.queue.size == 0:
		return false
	case g.busy == 0, g.queue.size >= g.options.Crowd, g.took > g.options.Quick, g.closed:
		return true
	default:
		return at.Sub(g.sealed) > g.options.MaxWait/8
	}
}

// patience is how long a question may have waited and still be asked: so long that with a batch like the last one its answer comes within
// MaxWait. A quarter of that is granted however slow the batches are, else nobody would be answered any more. g.mu is held.
func (g *Group[K, Q, A]) patience() time.Duration {
	return max(g.options.MaxWait-g.took, g.options.MaxWait/4)
}
