package machines

import (
	"context"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// End is one end of an edge: a machine, or the tombstone of one.
type End struct {
	ID      m2m.MachineID
	Name    string
	Deleted bool
}

// Edge is a machine that may call another, or whose tokens the other has verified in the span that was asked about.
type Edge struct {
	From, To End
	Scope    bool  // from may call to at this moment; false: it might, and tokens of it were seen there
	Verified int64 // in the span, of both formats
}

// Edges is some edges, and whether there are more than were asked for.
type Edges struct {
	Edges []Edge
	More  bool
}

// GraphStore tells who may call whom and who does, for people who look at it. A span is whole UTC hours of what was counted, and ends
// before until. Every method gives at most limit edges, in an order of its own, and costs what it gives and the hours of its span.
type GraphStore interface {
	// ScopeEdges gives scopes between living machines by name of the one that calls, without what was verified.
	ScopeEdges(ctx context.Context, limit int) (Edges, error)
	// BusyEdges gives those on which the most was verified, the most first.
	BusyEdges(ctx context.Context, from, until time.Time, limit int) (Edges, error)
	// EdgesFrom gives the scopes of one machine and those that verified its tokens, and EdgesTo those that may call it or whose tokens it
	// verified: the busiest first, then by name. m2m.ErrMachineNotFound is not told: a machine that is unknown has no edges.
	EdgesFrom(ctx context.Context, id m2m.MachineID, from, until time.Time, limit int) (Edges, error)
	EdgesTo(ctx context.Context, id m2m.MachineID, from, until time.Time, limit int) (Edges, error)
	// Ends gives the names of machines, those of deleted ones too. What is no machine is not in the answer.
	Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]End, error)
}

// ScopeEdges gives some scopes; see GraphStore.
func (s *Service) ScopeEdges(ctx context.Context, limit int) (Edges, error) {
	e, err := s.store.ScopeEdges(ctx, limit)
	return e, graphError(err)
}

// BusyEdges gives who calls whom the most; see GraphStore.
func (s *Service) BusyEdges(ctx context.Context, from, until time.Time, limit int) (Edges, error) {
	e, err := s.store.BusyEdges(ctx, from, until, limit)
	return e, graphError(err)
}

// Around gives the edges of one living machine, at most limit to each side. m2m.ErrMachineNotFound: there is none of this id.
func (s *Service) Around(ctx context.Context, id string, from, until time.Time, limit int) (m Detail, calls, callers Edges, err error) {
	if m, err = s.Get(ctx, id); err != nil {
		return Detail{}, Edges{}, Edges{}, err
	}
	if calls, err = s.store.EdgesFrom(ctx, m.ID, from, until, limit); err != nil {
		return Detail{}, Edges{}, Edges{}, graphError(err)
	}
	callers, err = s.store.EdgesTo(ctx, m.ID, from, until, limit)
	return m, calls, callers, graphError(err)
}

// Ends gives the names of machines, those of deleted ones too.
func (s *Service) Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]End, error) {
	ends, err := s.store.Ends(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find names: %w", err)
	}
	return ends, nil
}

func graphError(err error) error {
	if err != nil {
		return fmt.Errorf("look at the scope graph: %w", err)
	}
	return nil
}
