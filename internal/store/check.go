package store

import (
	"context"
	"sync"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// The hot path. Costs one round trip and one commit for any number of checks on PostgreSQL, three to six prepared statements and one
// commit on SQLite; allocates a few slices per call, and per good check what its record holds.

// CheckTokens satisfies tokens.HotStore. Any error means "cannot tell", for all the checks: nothing of them may be taken as good or bad.
func (d *DB) CheckTokens(ctx context.Context, checks []tokens.Check) ([]tokens.Verdict, error) {
	if len(checks) == 0 {
		return nil, nil
	}
	q := fold(checks)
	var out []tokens.Verdict
	err := d.bill(ctx, "check tokens", func(s stamp) error {
		found, err := d.check(ctx, q, s)
		if err != nil {
			return err
		}
		out = q.verdicts(found) // in here: whatever goes wrong after the commit must not look as if nothing had been done
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (d *DB) check(ctx context.Context, q inquiry, s stamp) ([]finding, error) {
	if d.postgres() {
		return d.checkPostgres(ctx, q, s)
	}
	return d.checkSQLite(ctx, q, s)
}

// inquiry is a batch with equal checks folded into one question, so that the database looks each up once and counts it as often as it
// was asked.
type inquiry struct {
	callers   []secret.Hash // distinct
	questions []question    // distinct
	of        []int         // for each check, its question
}

type question struct {
	caller int // index into callers
	token  m2m.Presented
	times  int64
}

// finding is the database's answer to one question.
type finding struct {
	known  bool        // the caller is someone
	record *m2m.Record // of a good one, as it is after this call
	unread *unread     // in place of the record: it would be good, but its row cannot be read
}

// unread is what a row that cannot be read was found under, at the time now of the database's clock.
type unread struct {
	id, machine, format string
	now                 int64
}

// read makes a record of the row of a good token, unless it says something that was never written by us: that is a refusal, and costs nothing.
func (f *finding) read(row *tokenRow, now int64, into *m2m.Record) (good bool) {
	if err := row.write(into, now); err != nil {
		f.unread = &unread{id: row.ID, machine: row.MachineID, format: row.Format, now: now}
		return false
	}
	f.record = into
	return true
}

// folding is where fold looks up what it has seen. It is kept for the next batch, empty.
type folding struct {
	callers map[secret.Hash]int
	opaque  map[opaqueAsked]int
	signed  map[signedAsked]int
}

// What a question is known by. Two kinds, because a key with strings in it costs several times as much to find as one without.
type (
	opaqueAsked struct {
		caller int
		hash   secret.Hash
	}
	signedAsked struct {
		caller  int
		id, key string
	}
)

// at gives where the question is kept.
func (f *folding) at(caller int, t m2m.Presented) (at int, ok bool) {
	if t.ID == "" {
		at, ok = f.opaque[opaqueAsked{caller, t.Hash}]
		return at, ok
	}
	at, ok = f.signed[signedAsked{caller, string(t.ID), string(t.KeyID)}]
	return at, ok
}

func (f *folding) keep(caller int, t m2m.Presented, at int) {
	if t.ID == "" {
		f.opaque[opaqueAsked{caller, t.Hash}] = at
		return
	}
	f.signed[signedAsked{caller, string(t.ID), string(t.KeyID)}] = at
}

func (f *folding) forget() {
	clear(f.callers)
	clear(f.opaque)
	clear(f.signed)
}

var foldings = sync.Pool{New: func() any { //nolint:gochecknoglobals // memory, not state
	return &folding{callers: map[secret.Hash]int{}, opaque: map[opaqueAsked]int{}, signed: map[signedAsked]int{}}
}}

func fold(checks []tokens.Check) inquiry {
	q := inquiry{questions: make([]question, 0, len(checks)), of: make([]int, len(checks))}
	f, _ := foldings.Get().(*folding)
	defer foldings.Put(f)
	defer f.forget()
	for i, c := range checks {
		n, ok := f.callers[c.Caller]
		if !ok {
			n = len(q.callers)
			f.callers[c.Caller] = n
			q.callers = append(q.callers, c.Caller)
		}
		token := askable(c.Token)
		at, ok := f.at(n, token)
		if !ok {
			at = len(q.questions)
			f.keep(n, token, at)
			q.questions = append(q.questions, question{caller: n, token: token})
		}
		q.questions[at].times++
		q.of[i] = at
	}
	return q
}

// askable keeps of a token what its format is found by, and makes everything that no row can match the zero token: what reaches a
// statement has the shape of an id or a hash, so no byte of a request can spoil the batch it travels in (R11).
func askable(t m2m.Presented) m2m.Presented {
	switch t.Format {
	case m2m.Opaque:
		return m2m.Presented{Format: m2m.Opaque, Hash: t.Hash}
	case m2m.JWT:
		if _, ok := m2m.ParseTokenID(string(t.ID)); ok && m2m.IsKeyID(t.KeyID) {
			return m2m.Presented{Format: m2m.JWT, ID: t.ID, KeyID: t.KeyID}
		}
	}
	return m2m.Presented{}
}

// verdicts unfolds the answers.
func (q inquiry) verdicts(found []finding) []tokens.Verdict {
	out := make([]tokens.Verdict, len(q.of))
	given := make([]bool, len(found))
	for i, at := range q.of {
		out[i].CallerKnown = found[at].known
		if r := found[at].record; r != nil && given[at] {
			own := *r // each check gets a record of its own
			out[i].Record = &own
		} else {
			out[i].Record, given[at] = r, true
		}
	}
	return out
}
