package machines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Detail is a machine and the living machines that it may call, in the order of Machine.Scopes.
type Detail struct {
	m2m.Machine
	Scoped []m2m.Machine // their own Scopes are not filled in
}

// SecretRow is a machine secret as it is stored: its hash for look-up, itself sealed for viewing (R7).
// It is sealed in the place SecretPlace(hash).
type SecretRow struct {
	Hash     secret.Hash
	Sealed   secret.Sealed
	Replaces string // SecretMark of the one that it is to replace; empty: whichever is current
}

// SecretMark tells one secret of a machine from another, and tells nothing else about it.
func SecretMark(h secret.Hash) string {
	sum := sha256.Sum256(h[:])
	return hex.EncodeToString(sum[:8])
}

// Query chooses machines from an allow-list of orders (R19).
type Query struct {
	Text   string // exact id, or part of the name without regard to ASCII case; empty: all
	ByName bool   // order by name, else by creation time; ties by id in the same direction
	Asc    bool
	Limit  int
	Offset int
}

// Store keeps living machines and the tombstones of deleted ones, which no method shows.
// Every change is one transaction with its audit entry (R63). Methods answer m2m.ErrMachineNotFound where a living machine is
// named that does not exist.
type Store interface {
	Registry
	ScopeStore
	SecretStore
	PageStore
	GraphStore
}

// Registry keeps the machines themselves.
type Registry interface {
	// CreateMachine stores m with its scopes and its first secret. A *m2m.FieldError of scoped_machines with NoSuchThing: a
	// scope names no living machine. Audit: "machine.create".
	CreateMachine(ctx context.Context, by m2m.Actor, m m2m.Machine, s SecretRow) (Detail, error)
	// Machines gives one page and the number of all that match.
	Machines(ctx context.Context, q Query) ([]Detail, int64, error)
	// Machine gives one.
	Machine(ctx context.Context, id m2m.MachineID) (Detail, error)
	// UpdateMachine applies change to the machine under a row lock and stores name, defaults, public key and UpdatedAt. An error of
	// change aborts and is returned as it is. Audit: "machine.update".
	UpdateMachine(ctx context.Context, by m2m.Actor, id m2m.MachineID, change func(*m2m.Machine) error) (Detail, error)
	// DeleteMachine makes a tombstone: nothing of the machine works any more when it returns. Audit: "machine.delete".
	DeleteMachine(ctx context.Context, by m2m.Actor, id m2m.MachineID, at time.Time) error
}

// ScopeStore keeps who may call whom.
type ScopeStore interface {
	// AddScope lets from call to. m2m.ErrConflict: it may already. A *m2m.FieldError of to_machine_id with WrongValue: from has
	// m2m.MaxScopes living scopes. Audit: "scope.add".
	AddScope(ctx context.Context, by m2m.Actor, from, to m2m.MachineID, at time.Time) error
	// RemoveScope takes it back. m2m.ErrNotFound: it was not given. Audit: "scope.remove".
	RemoveScope(ctx context.Context, by m2m.Actor, from, to m2m.MachineID) error
	// ChangeScopes takes away and gives in one transaction; what is so already is left alone. A *m2m.FieldError of scoped_machines: a
	// machine that is to be added does not live (NoSuchThing), or there would be more than m2m.MaxScopes living ones (WrongValue).
	// Audit: "scope.add" and "scope.remove", one for each that changed.
	ChangeScopes(ctx context.Context, by m2m.Actor, from m2m.MachineID, add, remove m2m.Scopes, at time.Time) error
}

// SecretStore keeps machine secrets: one current, at most one previous.
type SecretStore interface {
	// ViewSecret reads the current secret. Audit: "machine.secret_viewed".
	ViewSecret(ctx context.Context, by m2m.Actor, id m2m.MachineID) (SecretRow, error)
	// CurrentSecret gives the hash of the current secret.
	CurrentSecret(ctx context.Context, id m2m.MachineID) (secret.Hash, error)
	// PreviousSecretEnds tells until when the secret before the current one still works, by the database's clock; zero: it does not.
	PreviousSecretEnds(ctx context.Context, id m2m.MachineID) (time.Time, error)
	// RotateSecret makes next the current secret, unless that one is to replace another than is current (m2m.ErrConflict); the one until now lives on for overlap by the database's clock, to the second and
	// not one request longer (R20), and any older one is dropped. 0 drops all old ones. Audit: "machine.secret_rotated".
	RotateSecret(ctx context.Context, by m2m.Actor, id m2m.MachineID, next SecretRow, overlap time.Duration) error
	// Callers tells whom each credential hash belongs to at this moment: the operator, a living machine (with its scopes), or nobody
	// (the zero Caller). One query for all of them; the answer is in the order of the question.
	Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error)
}

// SecretPlace is where a machine secret is sealed (R8).
func SecretPlace(h secret.Hash) secret.Place {
	return secret.Place{Table: "machine_secrets", ID: string(h[:])}
}
