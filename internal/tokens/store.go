package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Check is one question of the hot path: may whoever holds the credential Caller use this token?
type Check struct {
	Caller secret.Hash // hash of the caller's credential; zero: nobody
	Token  Token
}

// Token is a bearer token as the database looks for it. The zero Token is found nowhere (R4).
type Token = m2m.Presented

// Verdict is the answer to one Check.
type Verdict struct {
	CallerKnown bool
	Record      *m2m.Record // nil: refused, whatever the reason (R17)
}

// NewRecord is a token about to be recorded and billed.
type NewRecord struct {
	Grant     m2m.Grant
	Format    m2m.Format
	Hash      secret.Hash // opaque only
	KeyID     m2m.KeyID   // JWT only
	CreatedAt time.Time
	Reuse     *Reusable // nil: kept as a hash only (R7)
}

// Reusable is what is kept of a token that may be handed out again.
type Reusable struct {
	Fingerprint secret.Hash   // of machine, format, claims and scopes
	Sealed      secret.Sealed // the bearer string, in the place ReusePlace(token id)
}

// ReusePlace is where a reusable token is sealed (R8).
func ReusePlace(id m2m.TokenID) secret.Place {
	return secret.Place{Table: "tokens", ID: string(id)}
}

// ListQuery chooses tokens of one machine, newest first.
type ListQuery struct {
	Machine        m2m.MachineID
	IncludeRevoked bool
	IncludeExpired bool
	Limit          int
	Offset         int
}

// Store keeps tokens and their usage.
type Store interface {
	HotStore
	// ReuseToken gives a live, unrevoked token of this fingerprint that has at least minRemaining left by the database's clock (endless
	// ones have), or records and bills the one that mint makes; of a JWT's key it asks that it is active or retiring. Concurrent calls
	// with one fingerprint, on any replica, mint one token. Errors are those of mint and of RecordTokens. fresh tells whether mint's
	// was recorded.
	ReuseToken(ctx context.Context, fingerprint secret.Hash, minRemaining time.Duration, mint func(context.Context) (NewRecord, error)) (r m2m.Record, sealed secret.Sealed, fresh bool, err error)
	// ListTokens gives one page and the number of all that match. m2m.ErrMachineNotFound: no living machine of that id.
	ListTokens(ctx context.Context, q ListQuery) ([]m2m.Record, int64, error)
	// RevokeToken revokes a token, of holder only unless holder is empty; the first reason and time stay (R18). m2m.ErrNotFound: no such
	// token, or not the holder's. Nobody accepts the token once it has returned. Audit: "token.revoke", on the first time only.
	RevokeToken(ctx context.Context, by m2m.Actor, id m2m.TokenID, holder m2m.MachineID, reason *string) (m2m.Record, error)
}

// ErrNothingDone marks errors of CheckTokens and RecordTokens that are certain to have left nothing behind. Unless such an error is
// m2m.ErrUnavailable as well, one of the items is to blame and they may be asked again one by one. An error without the mark may have been
// billed.
var ErrNothingDone = errors.New("nothing was done")

// HotStore is the part under load. Its methods take many at once, so that requests can be grouped; each call is one
// transaction, and the answers are in the order of the questions.
type HotStore interface {
	// Callers tells whom each credential belongs to at this moment (machines.SecretStore has the same promise).
	Callers(ctx context.Context, credentials []secret.Hash) ([]m2m.Caller, error)
	// RecordTokens records and bills new tokens in one commit. Per token: nil, m2m.ErrMachineNotFound (deleted since), or
	// m2m.ErrKeyNotActive (the transaction locks the key's row and refuses any other state, R40); the others are recorded all the same.
	RecordTokens(ctx context.Context, tokens []NewRecord) ([]error, error)
	// CheckTokens authenticates the callers, finds the tokens, applies expiry by the database's clock, revocation, living machine, key not
	// compromised and the scope rule, and bills the good ones, in one commit. The same token twice in one call counts twice.
	CheckTokens(ctx context.Context, checks []Check) ([]Verdict, error)
}
