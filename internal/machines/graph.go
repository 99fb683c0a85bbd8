package machines

import (
	"context"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// End is one end of an edge: a machine, or the tombstone of one.
type End struct {
	ID      m2m.MachineID
	Name    string
	Deleted bool
}

// Pair is two machines of which the first is verified by the second, or might be.
type Pair struct {
	From, To m2m.MachineID
}

// Edge is a pair by name.
type Edge struct {
	From, To End
	Scope    bool  // from may call to at this moment
	Verified int64 // tokens of from by to, for whoever puts it there; stores do not count
}

// Edges is some edges, and whether there are more than were asked for.
type Edges struct {
	Edges []Edge
	More  bool
}

// GraphStore tells who may call whom, for people who look at it.
type GraphStore interface {
	// ScopeEdges gives at most limit scopes between living machines, by name of the one that calls.
	ScopeEdges(ctx context.Context, limit int) (Edges, error)
	// EdgesOf names some pairs and tells which are scopes, in their order. What never was a machine has its id
	// for a name, and is deleted.
	EdgesOf(ctx context.Context, pairs []Pair) ([]Edge, error)
	// Ends gives the names of machines, those of deleted ones too. What is no machine is not in the answer.
	Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]End, error)
}

// ScopeEdges gives at most limit scopes, by name of the machine that calls.
func (s *Service) ScopeEdges(ctx context.Context, limit int) (Edges, error) {
	e, err := s.store.ScopeEdges(ctx, limit)
	if err != nil {
		return Edges{}, fmt.Errorf("look at the scope graph: %w", err)
	}
	return e, nil
}

// EdgesOf names some pairs and tells which are scopes, in their order.
func (s *Service) EdgesOf(ctx context.Context, pairs []Pair) ([]Edge, error) {
	e, err := s.store.EdgesOf(ctx, pairs)
	if err != nil {
		return nil, fmt.Errorf("look at the scope graph: %w", err)
	}
	return e, nil
}

// Ends gives the names of machines, those of deleted ones too.
func (s *Service) Ends(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]End, error) {
	ends, err := s.store.Ends(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find names: %w", err)
	}
	return ends, nil
}
