package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errNothingDone = errors.New("nothing done")

func options() Options {
	return Options{
		Workers: 1, MaxBatch: 8, MaxQueue: 64, MaxShare: 16, MaxWait: time.Second, Deadline: 5 * time.Second,
		Alone: func(err error) bool {
			_, panicked := errors.AsType[*PanicError](err)
			return panicked || errors.Is(err, errNothingDone)
		},
	}
}

// recorder answers each question with itself and remembers the batches. Each batch takes as long as it is told to.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	takes   time.Duration
}

func (r *recorder) ask(_ context.Context, questions []int) ([]int, error) {
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(questions))
	r.mu.Unlock()
	time.Sleep(r.takes)
	return questions, nil
}

// bubble is a running Group and the test in whose bubble it runs.
type bubble struct {
	*testing.T
	*Group[string, int, int]
}

// run runs a test in a bubble with a Group that works.
func run(t *testing.T, ask Func[int, int], o Options, body func(b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := New[string](ask, o, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		body(bubble{t, g})
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestALoneCallWaitsForNobody(t *testing.T) {
	r := &recorder{}
	run(t, r.ask, options(), func(b bubble) {
		start := time.Now()
		got, err := b.Do(b.Context(), "a", []int{7, 8})
		if err != nil || !slices.Equal(got, []int{7, 8}) || time.Since(start) != 0 {
			b.Errorf("Do = %v, %v after %v", got, err, time.Since(start))
		}
	})
}

// Nothing ever joins a batch that has been sealed: what makes "revoke has returned" mean "nobody accepts it".
func TestNothingJoinsASealedBatch(t *testing.T) {
	r := &recorder{takes: 100 * time.Millisecond}
	run(t, r.ask, options(), func(b bubble) {
		var calls sync.WaitGroup
		ask := func(n int) {
			calls.Go(func() {
				start := time.Now()
				if got, err := b.Do(b.Context(), "a", []int{n}); err != nil || got[0] != n {
					b.Errorf("Do(%d) = %v, %v", n, got, err)
				}
				if n != 1 && time.Since(start) < 100*time.Millisecond {
					b.Errorf("question %d was answered by a batch that began before it", n)
				}
			})
			synctest.Wait()
		}
		ask(1)
		time.Sleep(50 * time.Millisecond) // the first batch is under way
		ask(2)
		ask(3)
		calls.Wait()
		if len(r.batches) != 2 || len(r.batches[0]) != 1 || len(r.batches[1]) != 2 {
			b.Errorf("batches %v, want one call and then two", r.batches)
		}
	})
}

func TestCallersWhoLeftAreNotAskedFor(t *testing.T) {
	r := &recorder{takes: 100 * time.Millisecond}
	run(t, r.ask, options(), func(b bubble) {
		go func() { _, _ = b.Do(b.Context(), "a", []int{1}) }()
		synctest.Wait()
		ctx, leave := context.WithCancel(b.Context())
		left := make(chan error)
		go func() {
			_, err := b.Do(ctx, "a", []int{2})
			left <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			b.Errorf("a caller who left got %v", err)
		}
		if _, err := b.Do(b.Context(), "a", []int{3}); err != nil {
			b.Error(err)
		}
		if fmt.Sprint(r.batches) != "[[1] [3]]" {
			b.Errorf("batches %v", r.batches)
		}
	})
}

// What a call is kept in is used again. A caller that leaves when its batch is under way leaves it to the batch: nobody else gets its answer.
func TestNobodyGetsTheAnswerOfOneWhoLeft(t *testing.T) {
	r := &recorder{takes: 10 * time.Millisecond}
	o := options()
	o.Workers, o.MaxShare = 2, 64
	run(t, r.ask, o, func(b bubble) {
		var asked sync.WaitGroup
		for round := range 50 {
			for n := range 6 {
				question := 10*round + n
				asked.Go(func() {
					ctx, leave := context.WithTimeout(b.Context(), time.Duration(1+3*n)*time.Millisecond)
					defer leave()
					got, err := b.Do(ctx, "a", []int{question})
					if err == nil && (len(got) != 1 || got[0] != question) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
						b.Errorf("question %d: %v, %v", question, got, err)
					}
				})
			}
			time.Sleep(4 * time.Millisecond)
		}
		asked.Wait()
	})
}

// Callers who leave without a word are looked for once, when their batch has been sealed.
func TestCallersWhoLeftWithoutAWordAreNotAskedFor(t *testing.T) {
	type caller struct{}
	o := options()
	var looked [][]any
	o.Left = func(callers []context.Context) []bool {
		names, left := make([]any, len(callers)), make([]bool, len(callers))
		for i, c := range callers {
			names[i] = c.Value(caller{})
			left[i] = names[i] == "gone"
		}
		looked = append(looked, names)
		return left
	}
	r := &recorder{takes: 100 * time.Millisecond}
	run(t, r.ask, o, func(b bubble) {
		var calls sync.WaitGroup
		ask := func(n int, name string) {
			calls.Go(func() {
				got, err := b.Do(context.WithValue(b.Context(), caller{}, name), "a", []int{n})
				if gone := errors.Is(err, context.Canceled); gone != (name == "gone") || !gone && (err != nil || got[0] != n) {
					b.Errorf("%s caller of %d got %v, %v", name, n, got, err)
				}
			})
			synctest.Wait()
		}
		ask(1, "waiting")
		ask(2, "gone")
		ask(3, "waiting")
		ask(4, "gone")
		ask(5, "waiting")
		calls.Wait()
		ask(6, "gone") // a batch of nobody is none
		calls.Wait()
		if b.took != r.takes {
			b.Errorf("batches take %v, as one of nobody did", b.took)
		}
		ask(7, "waiting")
		calls.Wait()
		if fmt.Sprint(r.batches) != "[[1] [3 5] [7]]" || fmt.Sprint(looked) != "[[waiting] [gone waiting gone waiting] [gone] [waiting]]" {
			b.Errorf("batches %v, looked for %v", r.batches, looked)
		}
	})
}

// R58: the queue is bounded, no key fills it alone, and who waits too long is told so within the bound.
func TestOverloadAnswersBusyInsteadOfGrowing(t *testing.T) {
	o := options()
	r := &recorder{takes: 2500 * time.Millisecond}
	run(t, r.ask, o, func(b bubble) {
		var busy, good atomic.Int64
		var calls sync.WaitGroup
		ask := func(key string) {
			calls.Go(func() {
				start := time.Now()
				_, err := b.Do(b.Context(), key, []int{1})
				switch {
				case err == nil:
					good.Add(1)
				case errors.Is(err, ErrBusy):
					busy.Add(1)
					if waited := time.Since(start); waited > o.MaxWait+o.MaxWait/4 {
						b.Errorf("busy after %v", waited)
					}
				default:
					b.Error(err)
				}
			})
		}
		ask("greedy")
		synctest.Wait() // under way
		for range 40 {
			ask("greedy")
		}
		synctest.Wait()
		if busy.Load() != 40-16 {
			b.Errorf("%d of 40 calls of one key were told to come back, want all but its share of 16", busy.Load())
		}
		for n := range 60 {
			ask(fmt.Sprint("modest", n))
		}
		synctest.Wait()
		if busy.Load() != 40-16+60-48 {
			b.Errorf("%d calls told to come back, want what is past a queue of 64", busy.Load())
		}
		calls.Wait()
		if good.Load() != 1 {
			b.Errorf("%d calls answered, want the one that was under way", good.Load())
		}
		if _, err := b.Do(b.Context(), "greedy", []int{1}); err != nil {
			b.Errorf("after the rush: %v", err)
		}
	})
}

func TestKeysTakeTurns(t *testing.T) {
	o := options()
	o.MaxBatch = 4
	r := &recorder{takes: 10 * time.Millisecond}
	run(t, r.ask, o, func(b bubble) {
		var calls sync.WaitGroup
		ask := func(key string, n int) {
			calls.Go(func() {
				if _, err := b.Do(b.Context(), key, []int{n}); err != nil {
					b.Error(err)
				}
			})
			synctest.Wait()
		}
		ask("first", 0)
		for n := range 8 {
			ask("greedy", 10+n)
		}
		ask("modest", 20)
		calls.Wait()
		if !slices.Contains(r.batches[1], 20) {
			b.Errorf("batches %v: a key with one call waited for one with many", r.batches)
		}
	})
}

func TestACallOfManyQuestionsStaysTogether(t *testing.T) {
	r := &recorder{takes: time.Millisecond}
	run(t, r.ask, options(), func(b bubble) {
		many := make([]int, 100) // more than MaxBatch, MaxShare and MaxQueue
		for i := range many {
			many[i] = i
		}
		if got, err := b.Do(b.Context(), "a", many); err != nil || !slices.Equal(got, many) || len(r.batches) != 1 {
			b.Errorf("%d answers in %d batches, %v", len(got), len(r.batches), err)
		}
		if got, err := b.Do(b.Context(), "a", nil); err != nil || got != nil || len(r.batches) != 1 {
			b.Errorf("no question: %v, %v", got, err)
		}
	})
}

func TestABadCallOrAPanicFailsAlone(t *testing.T) {
	var batches atomic.Int64
	ask := func(_ context.Context, questions []int) ([]int, error) {
		batches.Add(1)
		time.Sleep(time.Millisecond)
		if slices.Contains(questions, 13) {
			panic("thirteen")
		}
		if slices.Contains(questions, 14) {
			return nil, errNothingDone
		}
		return questions, nil
	}
	run(t, ask, options(), func(b bubble) {
		var calls sync.WaitGroup
		for n := range 4 {
			calls.Go(func() {
				got, err := b.Do(b.Context(), fmt.Sprint(n), []int{11 + n})
				if bad := n >= 2; (err != nil) != bad || !bad && got[0] != 11+n {
					b.Errorf("call %d: %v, %v", 11+n, got, err)
				}
			})
		}
		calls.Wait()
	})
}

func TestABatchThatMayHaveHappenedIsNotRepeated(t *testing.T) {
	unknown := errors.New("unknown outcome")
	var batches atomic.Int64
	ask := func(_ context.Context, questions []int) ([]int, error) {
		time.Sleep(time.Millisecond)
		if batches.Add(1) == 2 {
			return nil, unknown
		}
		return questions, nil
	}
	run(t, ask, options(), func(b bubble) {
		go func() { _, _ = b.Do(b.Context(), "a", []int{0}) }()
		synctest.Wait()
		var calls sync.WaitGroup
		for n := range 3 {
			calls.Go(func() {
				if _, err := b.Do(b.Context(), "a", []int{n}); !errors.Is(err, unknown) {
					b.Errorf("got %v", err)
				}
			})
		}
		calls.Wait()
		if batches.Load() != 2 {
			b.Errorf("%d batches", batches.Load())
		}
	})
}

func TestEndingAnswersThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: 300 * time.Millisecond}
		g := New[string](r.ask, options(), time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		var good atomic.Int64
		for n := range 12 {
			go func() {
				if _, err := g.Do(t.Context(), "a", []int{n}); err == nil {
					good.Add(1)
				}
			}()
		}
		synctest.Wait()
		stop()
		synctest.Wait()
		if _, err := g.Do(t.Context(), "a", []int{1}); !errors.Is(err, ErrClosed) {
			t.Errorf("a call after the end: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if good.Load() != 12 {
			t.Errorf("%d of 12 calls answered", good.Load())
		}
	})
}

func TestABatchEndsAtItsDeadlineWhateverItsCallersWant(t *testing.T) {
	ask := func(ctx context.Context, _ []int) ([]int, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	run(t, ask, options(), func(b bubble) {
		start := time.Now()
		if _, err := b.Do(b.Context(), "a", []int{1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			b.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func BenchmarkDo(b *testing.B) {
	g := New[string](func(_ context.Context, q []int) ([]int, error) { return q, nil }, Options{
		Workers: 2, MaxBatch: 128, MaxQueue: 1 << 16, MaxShare: 1 << 16, MaxWait: time.Second, Deadline: time.Second, Alone: func(error) bool { return false },
	}, time.Now)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		q := []int{1}
		for pb.Next() {
			if _, err := g.Do(ctx, "a", q); err != nil {
				b.Error(err)
			}
		}
	})
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// R58: whoever is answered is answered within the wait, although a batch takes most of it.
func TestTheTimeOfABatchCountsAsWaiting(t *testing.T) {
	o := options()
	o.MaxQueue, o.MaxShare = 1000, 1000
	r := &recorder{takes: 600 * time.Millisecond}
	run(t, r.ask, o, func(b bubble) {
		var calls sync.WaitGroup
		var good atomic.Int64
		for n := range 400 {
			calls.Go(func() {
				start := time.Now()
				_, err := b.Do(b.Context(), "a", []int{n})
				if took := time.Since(start); took > o.MaxWait {
					b.Errorf("%v after %v", err, took)
				}
				if err == nil {
					good.Add(1)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		calls.Wait()
		if good.Load() < 40 {
			b.Errorf("%d answered: the batches were not full", good.Load())
		}
	})
}

// R61: what a batch panics with may hold anything; where it was does not.
func TestAPanicTellsWhereAndNotWhat(t *testing.T) {
	type canary string
	for name, c := range map[string]struct {
		do   func()
		want string
	}{
		"a value":          {func() { panic(canary("ak_secret")) }, "panic: batch.canary at "},
		"an error":         {func() { panic(errors.New("ak_secret")) }, "panic: *errors.errorString at "},
		"a runtime's own":  {func() { _ = []int{}[len(name(t))] }, "index out of range"},
		"an error in them": {func() { panic(fmt.Errorf("ak_secret: %w", errNothingDone)) }, "panic: *fmt.wrapError at "},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(context.Context, []int) ([]int, error) {
				c.do()
				return nil, nil
			}
			run(t, ask, options(), func(b bubble) {
				_, err := b.Do(b.Context(), "a", []int{1})
				if _, ok := errors.AsType[*PanicError](err); !ok {
					b.Fatalf("got %v", err)
				}
				for _, part := range []string{c.want, "TestAPanicTellsWhereAndNotWhat.", "runOnce:"} {
					if !strings.Contains(err.Error(), part) {
						b.Errorf("%q does not tell %q", err, part)
					}
				}
				if strings.Contains(err.Error(), "ak_secret") || errors.Is(err, errNothingDone) {
					b.Errorf("%q tells the value", err)
				}
			})
		})
	}
}

func name(t *testing.T) string {
	t.Helper()
	return t.Name()
}
