package machines

import (
	"context"
	"fmt"

	"github.com/dualmint/dualmint/internal/m2m"
)

// PageQuery chooses a page by the machine that it begins behind, so that the last page of ten thousand machines costs what the first
// one does. Orders are those of Query.
type PageQuery struct {
	Text   string // as in Query
	ByName bool
	Asc    bool
	Limit  int
	From   m2m.MachineID // the machine before the page, in this order; empty: the page is the first. A deleted one keeps its place
	Back   bool          // the page that ends before From instead
}

// Page is one page and whether there are more to both sides of it.
type Page struct {
	Machines       []Summary
	Previous, Next bool
}

// Summary is a machine as a list shows it.
type Summary struct {
	m2m.Machine     // Scopes are not filled in
	MayCall     int // machines that it may call
	MayBeCalled int // machines that may call it
}

// PageStore finds machines for people who look at them.
type PageStore interface {
	// MachinePage gives one page, with as many queries however long it is and wherever it stands.
	MachinePage(ctx context.Context, q PageQuery) (Page, error)
	// CallersOf gives the living machines that may call a machine, by name, at most limit. Their Scopes are not filled in.
	CallersOf(ctx context.Context, id m2m.MachineID, limit int) ([]m2m.Machine, error)
}

// Page gives one page of machines.
func (s *Service) Page(ctx context.Context, q PageQuery) (Page, error) {
	page, err := s.store.MachinePage(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("list machines: %w", err)
	}
	return page, nil
}

// CallersOf gives the machines that may call a machine, by name, at most limit.
func (s *Service) CallersOf(ctx context.Context, id string, limit int) ([]m2m.Machine, error) {
	mid, err := parseID(id)
	if err != nil {
		return nil, err
	}
	found, err := s.store.CallersOf(ctx, mid, limit)
	if err != nil {
		return nil, fmt.Errorf("list callers of a machine: %w", err)
	}
	return found, nil
}

// ChangeScopes lets from call some machines more and some less, all in one transaction. What is so already stays so.
func (s *Service) ChangeScopes(ctx context.Context, by m2m.Actor, from string, add, remove []string) error {
	f, err := parseID(from)
	if err != nil {
		return err
	}
	more, err := checkScopes(add)
	if err != nil {
		return err
	}
	less := make(m2m.Scopes, 0, len(remove))
	for _, id := range remove {
		if mid, ok := m2m.ParseMachineID(id); ok { // anything else is no scope, and gone already
			less = append(less, mid)
		}
	}
	if err := s.store.ChangeScopes(ctx, by, f, more, less, s.stamp()); err != nil {
		return fmt.Errorf("change scopes: %w", err)
	}
	return nil
}
