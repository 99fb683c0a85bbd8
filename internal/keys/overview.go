package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// CountedTokens is how far an overview counts the living tokens of a key: further would cost a look at every one of them. CountSigned does
// that.
const CountedTokens = 10_000

// Overview is the ring as its operator sees it.
type Overview struct {
	Now          time.Time  // by the store's clock
	SafeToRotate time.Time  // from then on; Now: at once
	Policy       Policy     // with what other replicas answer, or have answered lately
	Counted      bool       // false: what the keys have signed was not asked, and Signed is empty
	Keys         []Forecast // by CreatedAt, then ID
}

// Forecast is a key, what it has signed, and what is to become of it if nobody interferes. A zero date is one that will not come, or
// that lies behind and stands in the key.
type Forecast struct {
	Key
	Signed        Signed // of which more may live than CountedTokens
	ActiveFrom    time.Time
	ActiveUntil   time.Time
	RemovableFrom time.Time
}

// Overview reads the ring anew and tells what it holds and what is to come.
func (k *Keeper) Overview(ctx context.Context) (Overview, error) {
	if err := k.Refresh(ctx); err != nil {
		return Overview{}, err
	}
	signed, err := k.deps.Store.SignedTokens(ctx, CountedTokens)
	if err != nil {
		return Overview{}, fmt.Errorf("count signed tokens: %w", err)
	}
	out := k.forecast(signed)
	out.Counted = true
	return out, nil
}

// CountSigned counts all living tokens of a key, however many they are and however long it takes: not while somebody waits.
func (k *Keeper) CountSigned(ctx context.Context, kid m2m.KeyID) (int64, error) {
	n, err := k.deps.Store.CountSigned(ctx, kid)
	if err != nil {
		return 0, fmt.Errorf("count all signed tokens: %w", err)
	}
	return n, nil
}

// Outlook is the Overview of the ring as it is in memory, without the counts: the answer to a change, which must not wait for anything that
// might fail once the change is made.
func (k *Keeper) Outlook() Overview { return k.forecast(nil) }

func (k *Keeper) forecast(signed map[m2m.KeyID]Signed) Overview {
	r := k.view.Load().ring
	return forecast(r, signed, r.At, k.deps.Policy.widened(r))
}

// forecast is a function of its arguments and nothing else.
func forecast(r Ring, signed map[m2m.KeyID]Signed, now time.Time, p Policy) Overview {
	out := Overview{Now: now, SafeToRotate: now, Policy: p, Keys: make([]Forecast, len(r.Keys))}
	if soon := tooSoon(r, now, p); soon != nil {
		out.SafeToRotate = soon.SafeFrom
	}
	next := now // when the active key is followed by the announced one
	if active := r.in(Active); len(active) > 0 {
		next = latest(next, p.DueAt(active[0]))
	}
	if announced := r.in(Announced); len(announced) > 0 {
		next = latest(next, p.ReadyAt(announced[0]))
	} else {
		next = latest(next, now.Add(p.AnnounceFor()))
	}
	next = latest(next, roomAt(r, p))
	first := true
	for i, k := range r.Keys {
		f := Forecast{Key: k, Signed: signed[k.ID]}
		switch k.State {
		case Announced:
			if first { // the others wait for a rotation that has no date
				f.ActiveFrom, f.ActiveUntil, first = next, next.Add(p.Period), false
			}
		case Active:
			f.ActiveUntil, f.RemovableFrom = next, next.Add(p.RetireFor())
		case Retiring:
			f.RemovableFrom = p.RemovableAt(k)
		case Removed, Compromised:
		}
		out.Keys[i] = f
	}
	return out
}
