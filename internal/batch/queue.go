package batch

import (
	"context"
	"time"
)

// item is one call: its questions stay together.
type item[Q, A any] struct {
	ctx       context.Context //nolint:containedctx // whether the caller is still there
	questions []Q
	answer    chan answer[A] // holds one, so that answering never waits
	since     time.Time
}

type answer[A any] struct {
	answers []A
	err     error
}

// lane is what waits of one key, first come first served.
type lane[K comparable, Q, A any] struct {
	key   K
	items []*item[Q, A]
	size  int // questions
}

// queue holds the lanes in a circle, so that each key gets a call into a batch in turn. Not safe for concurrent use.
type queue[K comparable, Q, A any] struct {
	lanes map[K]*lane[K, Q, A]
	order []*lane[K, Q, A]
	next  int // in order
	size  int // questions, of all lanes
}

// fits tells whether n more questions of this key may wait. A call that would be alone always may, whatever its size.
func (q *queue[K, Q, A]) fits(key K, n int, o Options) bool {
	if q.size == 0 {
		return true
	}
	mine := 0
	if l := q.lanes[key]; l != nil {
		mine = l.size
	}
	return q.size+n <= o.MaxQueue && (mine == 0 || mine+n <= o.MaxShare)
}

func (q *queue[K, Q, A]) push(key K, i *item[Q, A]) {
	l := q.lanes[key]
	if l == nil {
		l = &lane[K, Q, A]{key: key}
		q.lanes[key] = l
		q.order = append(q.order, l)
	}
	l.items = append(l.items, i)
	l.size += len(i.questions)
	q.size += len(i.questions)
}

// take removes the calls of the next batch, one of each lane in turn, up to limit questions (one call more than that if it is the first).
// Callers who left are dropped; those who came before the given time are handed back as late.
func (q *queue[K, Q, A]) take(limit int, before time.Time) (batch, late []*item[Q, A]) {
	n := 0
	for q.size > 0 {
		q.next %= len(q.order)
		l := q.order[q.next]
		i := l.items[0]
		if i.ctx.Err() == nil && !i.since.Before(before) && n > 0 && n+len(i.questions) > limit {
			return batch, late
		}
		q.pop(l)
		switch {
		case i.ctx.Err() != nil:
		case i.since.Before(before):
			late = append(late, i)
		default:
			batch = append(batch, i)
			n += len(i.questions)
		}
	}
	return batch, late
}

// takeLate removes the calls that came before the given time.
func (q *queue[K, Q, A]) takeLate(before time.Time) []*item[Q, A] {
	var late []*item[Q, A]
	for at := 0; at < len(q.order); {
		l := q.order[at]
		if !l.items[0].since.Before(before) {
			at++
			continue
		}
		late = append(late, l.items[0])
		q.next = at
		q.pop(l) // at is now the same lane again, or the one behind it
	}
	return late
}

// pop removes the first call of the lane at q.next and moves on to the lane after it; an empty lane is forgotten.
func (q *queue[K, Q, A]) pop(l *lane[K, Q, A]) {
	n := len(l.items[0].questions)
	l.items[0] = nil
	l.items = l.items[1:]
	l.size -= n
	q.size -= n
	if len(l.items) > 0 {
		q.next++
		return
	}
	delete(q.lanes, l.key)
	q.order = append(q.order[:q.next], q.order[q.next+1:]...)
}
