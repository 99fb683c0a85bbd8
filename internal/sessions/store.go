package sessions

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Opening is a session about to be kept.
type Opening struct {
	Hash     secret.Hash // of its id
	Previous secret.Hash // of the session that the same browser had until now, which ends; zero: none
}

// Store keeps sessions, hashed, by the database's clock. Sign-ins and sign-outs are one transaction with their audit entry (R63), whose
// target is the instance.
type Store interface {
	// OpenSession keeps a session for whoever holds the instance key of this hash, and drops those that are over by these limits.
	// m2m.ErrNotFound: it is not the instance's key (any more). Audit: "session.sign_in".
	OpenSession(ctx context.Context, by m2m.Actor, key secret.Hash, n Opening, l Limits) error
	// Session finds one that is not over by these limits and whose instance key still holds, and notes once a minute that it is used.
	// m2m.ErrNotFound: there is none.
	Session(ctx context.Context, hash secret.Hash, l Limits) (Session, error)
	// EndSession ends one. Ending what is over already is no error, and no entry. Audit: "session.sign_out".
	EndSession(ctx context.Context, by m2m.Actor, hash secret.Hash) error
	// EndSessions ends all of them and tells how many there were. Audit: "session.sign_out_everywhere".
	EndSessions(ctx context.Context, by m2m.Actor) (int64, error)
	// SetNotice keeps what the session's next page is to say; empty: nothing.
	SetNotice(ctx context.Context, hash secret.Hash, notice string) error
}

// LinkStore keeps the link of the first start.
type LinkStore interface {
	// CreateLink keeps a link for so long.
	CreateLink(ctx context.Context, hash secret.Hash, life time.Duration) error
	// OpenSessionByLink is OpenSession for whoever holds a link, which is gone afterwards: of two that come at once, one signs in.
	// m2m.ErrNotFound: there is no such link, or not any more. Audit: "session.sign_in".
	OpenSessionByLink(ctx context.Context, by m2m.Actor, link secret.Hash, n Opening, l Limits) error
	// RefuseSignIn records that somebody tried to sign in with what opens nothing, and how many have tried since the entry before who
	// were not recorded. Audit: "session.sign_in_refused".
	RefuseSignIn(ctx context.Context, by m2m.Actor, unrecorded int64) error
}
