package httpapi

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/audit"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
	"github.com/dualmint/dualmint/internal/usage"
)

// Machines is what the API asks of the register of machines. Errors are those of *machines.Service.
type Machines interface {
	Authenticator
	Registry
	Scopes
	Secrets
}

// Authenticator tells who holds a credential. m2m.ErrUnauthenticated: nobody does.
type Authenticator interface {
	Authenticate(ctx context.Context, credential secret.Text) (m2m.Caller, error)
}

// Assertions tells which machine made a client assertion, and uses it up. m2m.ErrUnauthenticated: none did, or it was used before.
type Assertions interface {
	Prove(ctx context.Context, assertion secret.Text, admit func(current secret.Hash) error) (machines.Proven, error)
}

// Registry keeps machines. m2m.ErrMachineNotFound: no living machine has this id.
type Registry interface {
	Create(ctx context.Context, by m2m.Actor, d machines.Draft) (machines.Detail, secret.Text, error)
	List(ctx context.Context, q machines.Query) ([]machines.Detail, int64, error)
	Get(ctx context.Context, id string) (machines.Detail, error)
	Update(ctx context.Context, by m2m.Actor, id string, p machines.Patch) (machines.Detail, error)
	Delete(ctx context.Context, by m2m.Actor, id string) error
}

// Scopes keeps who may call whom.
type Scopes interface {
	AddScope(ctx context.Context, by m2m.Actor, from, to string) (time.Time, error)
	RemoveScope(ctx context.Context, by m2m.Actor, from, to string) error
}

// Secrets shows and replaces machine secrets.
type Secrets interface {
	ViewSecret(ctx context.Context, by m2m.Actor, id string) (secret.Text, error)
	RotateSecret(ctx context.Context, by m2m.Actor, id string, overlap time.Duration) (secret.Text, error)
}

// Tokens is what the API asks about tokens. Errors are those of *tokens.Service.
type Tokens interface {
	Issue(ctx context.Context, caller secret.Text, r tokens.Request) (tokens.Issued, error)
	IssueTo(ctx context.Context, machine m2m.Machine, r tokens.Request) (tokens.Issued, error)
	Verify(ctx context.Context, caller, token secret.Text) (m2m.Record, error)
	VerifyFor(ctx context.Context, caller secret.Hash, token secret.Text) (m2m.Record, error)
	VerifyAll(ctx context.Context, caller secret.Text, list []secret.Text) ([]*m2m.Record, error)
	List(ctx context.Context, caller m2m.Caller, q tokens.ListQuery) ([]m2m.Record, int64, error)
	Revoke(ctx context.Context, caller m2m.Caller, by m2m.Actor, id string, reason *string) (m2m.Record, error)
	RevokeBearer(ctx context.Context, caller m2m.Caller, by m2m.Actor, token secret.Text) error
}

// Introspections signs answers about tokens for the one who asked. m2m.ErrUnavailable: no key may sign now.
type Introspections interface {
	IntrospectionSigner(ctx context.Context, audience string, at time.Time) (sign func(introspection []byte) (string, error), err error)
}

// UsageReports counts and prices a span of time, as far as the caller may see it.
type UsageReports interface {
	Report(ctx context.Context, caller m2m.Caller, q usage.Query) (usage.Report, error)
}

// AuditLog reads who did what, newest first.
type AuditLog interface {
	AuditEntries(ctx context.Context, q audit.Query) ([]audit.Entry, error)
}

// Keys serves the key set, and lets the operator see and move the signing keys.
type Keys interface {
	KeySet
	Ring
}

// Ring is the operator's hand on the signing keys. keys.ErrTooSoon: rotating now would break verifiers. m2m.ErrNotFound: no such key.
type Ring interface {
	Overview(ctx context.Context) (keys.Overview, error)
	Outlook() keys.Overview
	Rotate(ctx context.Context, by m2m.Actor, how keys.Rotation) error
	Compromise(ctx context.Context, by m2m.Actor, kid m2m.KeyID) error
}

// KeySet gives the published key set. m2m.ErrUnavailable: the copy is too old to be served.
type KeySet interface {
	JWKS(ctx context.Context) (keys.Document, error)
}
