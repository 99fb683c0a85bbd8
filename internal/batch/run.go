package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// answerAll runs one sealed batch and gives every item its answer. Where the batch had no effect, each item is tried alone, so that only
// the bad one fails.
func (g *Group[K, Q, A]) answerAll(items []*item[Q, A]) {
	questions := items[0].questions
	if len(items) > 1 {
		questions = make([]Q, 0, questionsOf(items))
		for _, i := range items {
			questions = append(questions, i.questions...)
		}
	}
	answers, err := g.runOnce(questions)
	if err != nil {
		for _, i := range items {
			if len(items) > 1 && g.options.Alone(err) {
				g.answerAll([]*item[Q, A]{i})
				continue
			}
			i.answer <- answer[A]{err: err}
		}
		return
	}
	for _, i := range items {
		n := len(i.questions)
		i.answer <- answer[A]{answers: answers[:n:n]}
		answers = answers[n:]
	}
}

func questionsOf[Q, A any](items []*item[Q, A]) (n int) {
	for _, i := range items {
		n += len(i.questions)
	}
	return n
}

// dropLeft leaves out the calls of a sealed batch whose callers left without ending their contexts.
func (g *Group[K, Q, A]) dropLeft(items []*item[Q, A]) []*item[Q, A] {
	if g.options.Left == nil {
		return items
	}
	callers := make([]context.Context, len(items))
	for i := range items {
		callers[i] = items[i].ctx
	}
	left := g.options.Left(callers)
	here := items[:0]
	for at, i := range items {
		if at < len(left) && left[at] {
			i.answer <- answer[A]{err: fmt.Errorf("wait for a batch: %w", context.Canceled)} // Do still waits
			continue
		}
		here = append(here, i)
	}
	return here
}

// PanicError is what the callers of a batch get whose run panicked. Whether anything was done before that is not known. It does not hold
// the panic's value, which may be a secret.
type PanicError struct {
	Kind string   // type of the value, or what the runtime says of a fault of its own, which holds no data
	At   []string // function and line of each frame, innermost first
}

// Error tells what panicked and where.
func (e *PanicError) Error() string {
	return fmt.Sprintf("batch: panic: %s at %s", e.Kind, strings.Join(e.At, " < "))
}

// panicked describes a panic to the deferred function that recovered it.
func panicked(value any) *PanicError {
	e := &PanicError{Kind: fmt.Sprintf("%T", value)}
	if err, ok := value.(error); ok {
		if fault, ok := errors.AsType[runtime.Error](err); ok {
			e.Kind = fault.Error()
		}
	}
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)]) // without Callers, panicked, the deferred function and the runtime's
	for {
		f, more := frames.Next()
		e.At = append(e.At, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more || strings.HasSuffix(f.Function, ".runOnce") {
			return e
		}
	}
}

// runOnce runs the batch on a context of its own, under its deadline.
func (g *Group[K, Q, A]) runOnce(questions []Q) (answers []A, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.options.Deadline)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			answers, err = nil, panicked(v)
		}
	}()
	answers, err = g.ask(ctx, questions)
	if err == nil && len(answers) != len(questions) {
		return nil, fmt.Errorf("batch: %d answers to %d questions", len(answers), len(questions))
	}
	return answers, err
}
