package dashboard

import (
	"context"
	"slices"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/usage"
)

// fakeFigures is what was counted, drawn, signed and recorded, as a test says.
type fakeFigures struct {
	before        *usage.Statement // of the months before its end
	overviewFails error
	total         int64
	scopes        machines.Edges
	busy          machines.Edges
	ends          map[m2m.MachineID]machines.End
	noEnds        error // names cannot be read
	asks          int   // how often they were
	statement     usage.Statement
	counted       []usage.Row
	unreadable    error // after the rows
	ring          keys.Overview
	rotations     []keys.Rotation
	refuses       error // a rotation
	given         []m2m.KeyID
	entries       []audit.Entry
	asked         []audit.Query
}

func (f *fakeFigures) ScopeEdges(context.Context, int) (machines.Edges, error) { return f.scopes, nil }

// EdgesOf finds pairs among busy and scopes.
func (f *fakeFigures) EdgesOf(_ context.Context, pairs []machines.Pair) ([]machines.Edge, error) {
	var out []machines.Edge
	for _, p := range pairs {
		for _, e := range append(slices.Clone(f.busy.Edges), f.scopes.Edges...) {
			if e.From.ID == p.From && e.To.ID == p.To {
				out = append(out, e)
				break
			}
		}
	}
	return out, nil
}

func (f *fakeFigures) LastHour(context.Context) ([]usage.Traffic, time.Time, error) {
	var out []usage.Traffic
	for _, e := range f.busy.Edges {
		out = append(out, usage.Traffic{Machine: e.From.ID, Receiver: e.To.ID, Verified: e.Verified})
	}
	return out, time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC), nil
}

func (f *fakeFigures) Ends(_ context.Context, ids []m2m.MachineID) (map[m2m.MachineID]machines.End, error) {
	f.asks++
	out := map[m2m.MachineID]machines.End{}
	for _, id := range ids {
		if end, ok := f.ends[id]; ok {
			out[id] = end
		}
	}
	return out, f.noEnds
}

func (f *fakeFigures) List(context.Context, machines.Query) ([]machines.Detail, int64, error) {
	return make([]machines.Detail, min(f.total, 1)), f.total, nil
}

func (f *fakeFigures) Month(_ context.Context, of time.Time, _ int) (usage.Statement, error) {
	s := f.statement
	if f.before != nil && of.Before(f.before.End) {
		s = *f.before
	}
	s.Start = monthStart(of)
	s.End = s.Start.AddDate(0, 1, 0)
	s.Complete = true
	return s, nil
}

func (f *fakeFigures) Lines(ctx context.Context, caller m2m.Caller, q usage.Query, each func([]usage.Line) error) error {
	return usage.New(f, usage.PriceList{}).Lines(ctx, caller, q, each)
}

func (f *fakeFigures) UsageRows(_ context.Context, from, until time.Time, visit func(usage.Row) error) error {
	for _, r := range f.counted {
		if r.Hour.Before(from) || !r.Hour.Before(until) {
			continue
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return f.unreadable
}

func (f *fakeFigures) Overview(context.Context) (keys.Overview, error) {
	return f.ring, f.overviewFails
}

func (f *fakeFigures) Outlook() keys.Overview { return f.ring }

func (f *fakeFigures) Rotate(_ context.Context, _ m2m.Actor, how keys.Rotation) error {
	f.rotations = append(f.rotations, how)
	return f.refuses
}

func (f *fakeFigures) Compromise(_ context.Context, _ m2m.Actor, kid m2m.KeyID) error {
	f.given = append(f.given, kid)
	for i := range f.ring.Keys {
		if f.ring.Keys[i].ID == kid {
			f.ring.Keys[i].State, f.ring.Keys[i].CompromisedAt = keys.Compromised, f.ring.Now
		}
	}
	return nil
}

func (f *fakeFigures) AuditEntries(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	f.asked = append(f.asked, q)
	left := f.entries
	if q.Before > 0 {
		left = slices.DeleteFunc(slices.Clone(left), func(e audit.Entry) bool { return e.ID >= q.Before })
	}
	return left[:min(len(left), q.Limit)], nil
}
