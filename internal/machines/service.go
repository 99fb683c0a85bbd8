package machines

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Service is what the operator does with machines. Input faults are *m2m.FieldError named as on the wire; an id that names no
// living machine, of whatever shape, is m2m.ErrMachineNotFound. Safe for concurrent use.
type Service struct {
	store  Store
	sealer *secret.Sealer
	now    func() time.Time
}

// New makes a Service.
func New(store Store, sealer *secret.Sealer, now func() time.Time) *Service {
	return &Service{store: store, sealer: sealer, now: now}
}

// Create registers a machine and makes its first secret.
func (s *Service) Create(ctx context.Context, by m2m.Actor, d Draft) (Detail, secret.Text, error) {
	m, err := d.machine()
	if err != nil {
		return Detail{}, "", err
	}
	id, err := ksuid.NewRandomWithTime(s.now())
	if err != nil {
		return Detail{}, "", fmt.Errorf("make machine id: %w", err)
	}
	m.ID = m2m.MachineID("mch_" + id.String())
	m.CreatedAt = s.stamp()
	m.UpdatedAt = m.CreatedAt
	plain, row := s.newSecret()
	created, err := s.store.CreateMachine(ctx, by, m, row)
	if err != nil {
		return Detail{}, "", fmt.Errorf("create machine: %w", err)
	}
	return created, plain, nil
}

// List gives one page of machines and the number of all that match.
func (s *Service) List(ctx context.Context, q Query) ([]Detail, int64, error) {
	page, total, err := s.store.Machines(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("list machines: %w", err)
	}
	return page, total, nil
}

// Get gives one machine.
func (s *Service) Get(ctx context.Context, id string) (Detail, error) {
	mid, err := parseID(id)
	if err != nil {
		return Detail{}, err
	}
	d, err := s.store.Machine(ctx, mid)
	if err != nil {
		return Detail{}, fmt.Errorf("get machine: %w", err)
	}
	return d, nil
}

// Update changes what the patch names and leaves the rest.
func (s *Service) Update(ctx context.Context, by m2m.Actor, id string, p Patch) (Detail, error) {
	mid, err := parseID(id)
	if err != nil {
		return Detail{}, err
	}
	if err := p.check(); err != nil {
		return Detail{}, err
	}
	d, err := s.store.UpdateMachine(ctx, by, mid, func(m *m2m.Machine) error {
		p.apply(m)
		m.UpdatedAt = s.stamp()
		return nil
	})
	if err != nil {
		return Detail{}, fmt.Errorf("update machine: %w", err)
	}
	return d, nil
}

// Delete ends a machine: its secret, its tokens and its scopes in both directions stop working before it returns (R16).
func (s *Service) Delete(ctx context.Context, by m2m.Actor, id string) error {
	mid, err := parseID(id)
	if err != nil {
		return err
	}
	if err := s.store.DeleteMachine(ctx, by, mid, s.stamp()); err != nil {
		return fmt.Errorf("delete machine: %w", err)
	}
	return nil
}

// AddScope lets from call to, one way (R14). It answers when that was written down.
func (s *Service) AddScope(ctx context.Context, by m2m.Actor, from, to string) (time.Time, error) {
	f, t, err := parsePair(from, to)
	if err != nil {
		return time.Time{}, err
	}
	at := s.stamp()
	if err := s.store.AddScope(ctx, by, f, t, at); err != nil {
		return time.Time{}, fmt.Errorf("add scope: %w", err)
	}
	return at, nil
}

// RemoveScope takes it back.
func (s *Service) RemoveScope(ctx context.Context, by m2m.Actor, from, to string) error {
	f, t, err := parsePair(from, to)
	if err != nil {
		return err
	}
	if err := s.store.RemoveScope(ctx, by, f, t); err != nil {
		return fmt.Errorf("remove scope: %w", err)
	}
	return nil
}

// stamp is the present in the precision of the database.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

func parseID(id string) (m2m.MachineID, error) {
	mid, ok := m2m.ParseMachineID(id)
	if !ok {
		return "", m2m.ErrMachineNotFound
	}
	return mid, nil
}

func parsePair(from, to string) (m2m.MachineID, m2m.MachineID, error) {
	f, err := parseID(from)
	if err != nil {
		return "", "", err
	}
	t, err := parseID(to)
	return f, t, err
}
