package instance

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Record is what the database says of the deployment. There is exactly one.
type Record struct {
	ID        m2m.InstanceID
	Issuer    string
	KeyHash   secret.Hash // of the instance secret key
	Canary    secret.Sealed
	CreatedAt time.Time
	First     bool // Open has just written it: this is the first start of all
}

// Store keeps the one record.
type Store interface {
	// Instance reads the record. m2m.ErrNotFound: this database has none yet.
	Instance(ctx context.Context) (Record, error)
	// CreateInstance writes the record. m2m.ErrConflict: another process was first.
	CreateInstance(ctx context.Context, r Record) error
	// SetInstanceKey replaces the hash of the instance key, in a transaction with its audit entry ("instance.key_changed").
	SetInstanceKey(ctx context.Context, by m2m.Actor, h secret.Hash) error
}
