package dashboard

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
	"github.com/dualmint/dualmint/internal/tokens"
)

// Sessions opens, finds and ends sessions. m2m.ErrUnauthenticated: what was presented opens nothing. Errors are those of
// *sessions.Service.
type Sessions interface {
	SignIns
	Find(ctx context.Context, id secret.Text) (sessions.Session, error)
	SignOut(ctx context.Context, by m2m.Actor, hash secret.Hash) error
	SignOutEverywhere(ctx context.Context, by m2m.Actor) (int64, error)
	Notify(ctx context.Context, hash secret.Hash, notice string) error
}

// SignIns opens sessions; previous is the id that the browser had until now, which ends.
type SignIns interface {
	SignIn(ctx context.Context, by m2m.Actor, key, previous secret.Text) (secret.Text, error)
	SignInByLink(ctx context.Context, by m2m.Actor, link, previous secret.Text) (secret.Text, error)
	TurnedAway()
}

// Machines is the register of machines. Errors are those of *machines.Service.
type Machines interface {
	Registry
	Scopes
	Secrets
}

// Registry keeps machines. m2m.ErrMachineNotFound: no living machine has this id.
type Registry interface {
	Create(ctx context.Context, by m2m.Actor, d machines.Draft) (machines.Detail, secret.Text, error)
	Page(ctx context.Context, q machines.PageQuery) (machines.Page, error)
	Get(ctx context.Context, id string) (machines.Detail, error)
	Update(ctx context.Context, by m2m.Actor, id string, p machines.Patch) (machines.Detail, error)
	Delete(ctx context.Context, by m2m.Actor, id string) error
}

// Scopes keeps who may call whom.
type Scopes interface {
	ChangeScopes(ctx context.Context, by m2m.Actor, from string, add, remove []string) error
	CallersOf(ctx context.Context, id string, limit int) ([]m2m.Machine, error)
}

// Tokens is what the operator does with tokens. m2m.ErrNotFound: no such token. Errors are those of *tokens.Service.
type Tokens interface {
	TokenView
	IssueAs(ctx context.Context, by m2m.Actor, machine m2m.Machine, r tokens.Request) (tokens.Issued, error)
	Revoke(ctx context.Context, caller m2m.Caller, by m2m.Actor, id string, reason *string) (m2m.Record, error)
	RevokeAll(ctx context.Context, by m2m.Actor, machine string, reason *string) (int64, error)
}

// TokenView looks at tokens and changes nothing.
type TokenView interface {
	Page(ctx context.Context, q tokens.PageQuery) (tokens.Page, error)
	Look(ctx context.Context, id string) (tokens.Sight, error)
	Living(ctx context.Context, ids []m2m.MachineID) (map[m2m.MachineID]int, error)
	Inspect(ctx context.Context, text secret.Text) (tokens.Inspection, error)
}

// Tally knows how many living tokens there are where they are too many to be counted for a page. It is *tokens.Tally.
type Tally interface {
	Of(c tokens.Counted) (n int64, at time.Time, known bool)
}

// Secrets shows and replaces machine secrets.
type Secrets interface {
	ViewSecret(ctx context.Context, by m2m.Actor, id string) (secret.Text, error)
	CurrentSecret(ctx context.Context, id string) (mark string, err error)
	PreviousSecretEnds(ctx context.Context, id string) (time.Time, error)
	ReplaceSecret(ctx context.Context, by m2m.Actor, id, mark string, overlap time.Duration) (secret.Text, error)
}
