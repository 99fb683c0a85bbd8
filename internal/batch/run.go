package batch

import (
	"context"
	"fmt"
)

// answerAll runs one sealed batch and gives every item its answer. Where the batch had no effect, each item is tried alone, so that only
// the bad one fails.
func (g *Group[K, Q, A]) answerAll(items []*item[Q, A]) {
	questions := items[0].questions
	if len(items) > 1 {
		n := 0
		for _, i := range items {
			n += len(i.questions)
		}
		questions = make([]Q, 0, n)
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

// PanicError is what the callers of a batch get whose run panicked.
type PanicError struct{ Value any }

// Error names the panic's value.
func (e *PanicError) Error() string { return fmt.Sprintf("batch: panic: %v", e.Value) }

// runOnce runs the batch on a context of its own, under its deadline.
func (g *Group[K, Q, A]) runOnce(questions []Q) (answers []A, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.options.Deadline)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			answers, err = nil, &PanicError{Value: v}
		}
	}()
	answers, err = g.ask(ctx, questions)
	if err == nil && len(answers) != len(questions) {
		return nil, fmt.Errorf("batch: %d answers to %d questions", len(answers), len(questions))
	}
	return answers, err
}
