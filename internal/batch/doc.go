// Package batch is group commit: callers that arrive while a batch is under way share the next one.
//
// It owns when a batch is sealed, who gets into it, and who is told to come back later. It refuses to know what a batch does.
// Its invariants: a batch is sealed before its run begins and nothing joins it afterwards, so an answer is never older than its
// question; a lone caller waits for nobody; the queue is bounded and no key can fill it alone; every item is answered exactly once.
// Start reading at group.go.
//
// Hot: a call costs one place in a queue, and one wake-up.
package batch
