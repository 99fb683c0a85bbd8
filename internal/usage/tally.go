package usage

import (
	"github.com/dualmint/dualmint/internal/m2m"
)

// Kinds is amounts by operation and format.
type Kinds struct {
	CreatedOpaque, CreatedJWT   Amounts
	VerifiedOpaque, VerifiedJWT Amounts
}

// Created adds up creations of both formats.
func (k Kinds) Created() Amounts { return sum(k.CreatedOpaque, k.CreatedJWT) }

// Verified adds up verifications of both formats.
func (k Kinds) Verified() Amounts { return sum(k.VerifiedOpaque, k.VerifiedJWT) }

// Total adds up everything.
func (k Kinds) Total() Amounts { return sum(k.Created(), k.Verified()) }

// sum adds amounts of which the total is known to fit.
func sum(a, b Amounts) Amounts {
	return Amounts{a.Usage + b.Usage, a.Billable + b.Billable, a.NanoDollars + b.NanoDollars}
}

// at gives the place of an operation and a format, which the meter has checked.
func (k *Kinds) at(op m2m.Operation, f m2m.Format) *Amounts {
	switch {
	case op == m2m.OpCreate && f == m2m.Opaque:
		return &k.CreatedOpaque
	case op == m2m.OpCreate:
		return &k.CreatedJWT
	case f == m2m.Opaque:
		return &k.VerifiedOpaque
	default:
		return &k.VerifiedJWT
	}
}

// Plus adds kind by kind, amounts of which the total is known to fit.
func (k Kinds) Plus(b Kinds) Kinds {
	return Kinds{
		sum(k.CreatedOpaque, b.CreatedOpaque), sum(k.CreatedJWT, b.CreatedJWT),
		sum(k.VerifiedOpaque, b.VerifiedOpaque), sum(k.VerifiedJWT, b.VerifiedJWT),
	}
}

// maxPairs bounds what a ledger holds of one month. A registry in which more pairs are verified in a month is told of the first ones to
// do so; totals, hours and machines are of all.
const maxPairs = 100_000

// pair is the two ends of a verification.
type pair struct {
	machine, receiver m2m.MachineID
}

// tally is rows added up.
type tally struct {
	total    Amounts // what no part of it exceeds
	kinds    Kinds
	hours    map[int64]Kinds // by Unix second
	machines map[m2m.MachineID]Kinds
	pairs    map[pair]Kinds
	leftOut  bool // there are more pairs
}

func newTally() tally {
	return tally{hours: map[int64]Kinds{}, machines: map[m2m.MachineID]Kinds{}, pairs: map[pair]Kinds{}}
}

// add takes a row with what it costs. errTooMuch: the sums pass an int64.
func (t *tally) add(r Row, a Amounts) error {
	var one Kinds
	*one.at(r.Operation, r.Format) = a
	var err error
	if t.total, err = t.total.plus(a); err != nil {
		return err
	}
	t.kinds = t.kinds.Plus(one)
	at := r.Hour.Unix()
	t.hours[at] = t.hours[at].Plus(one)
	t.machines[r.Machine] = t.machines[r.Machine].Plus(one)
	if r.Operation == m2m.OpVerify {
		t.addPair(pair{r.Machine, r.Receiver}, one)
	}
	return nil
}

func (t *tally) addPair(p pair, k Kinds) {
	known, ok := t.pairs[p]
	if !ok && len(t.pairs) >= maxPairs {
		t.leftOut = true
		return
	}
	t.pairs[p] = known.Plus(k)
}

// merge takes over what another tally has.
func (t *tally) merge(o tally) error {
	var err error
	if t.total, err = t.total.plus(o.total); err != nil {
		return err
	}
	t.kinds = t.kinds.Plus(o.kinds)
	for at, k := range o.hours {
		t.hours[at] = t.hours[at].Plus(k)
	}
	for id, k := range o.machines {
		t.machines[id] = t.machines[id].Plus(k)
	}
	for p, k := range o.pairs {
		t.addPair(p, k)
	}
	t.leftOut = t.leftOut || o.leftOut
	return nil
}
