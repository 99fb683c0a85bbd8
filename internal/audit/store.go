package audit

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Entry is one thing that somebody did. The store writes it in the transaction that it describes (R63).
type Entry struct {
	ID      int64
	At      time.Time // the database's clock
	Actor   m2m.Actor
	Action  string            // "machine.create", "machine.secret_viewed", ...
	Target  string            // id of what it was done to
	Details map[string]string // names and values without any credential
}

// Query chooses entries, newest first.
type Query struct {
	Before int64  // entries with a smaller id; 0: from the newest
	Action string // exactly this action; empty: all
	Target string // exactly this target; empty: all
	// Kind and Address are who did it and from where, exactly; empty: anybody, anywhere.
	Kind    m2m.ActorKind
	Address string
	Until   time.Time // what was done before it; zero: until now
	Limit   int
}

// Store reads the record.
type Store interface {
	// AuditEntries gives at most q.Limit entries, newest first.
	AuditEntries(ctx context.Context, q Query) ([]Entry, error)
}
