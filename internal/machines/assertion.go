package machines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Proven is a machine that proved itself by an assertion instead of its secret.
type Proven struct {
	Machine m2m.Machine // living, with its scopes, as of the commit that used the assertion up
	// Current is the hash of its secret of that moment: the name under which verifications know a caller.
	Current secret.Hash
}

// AssertionKey is what a machine's assertions are checked with.
type AssertionKey struct {
	JWK     []byte      // public
	Current secret.Hash // of its secret of this moment
}

// AssertionError is m2m.ErrUnauthenticated with the reason, which is for the operator's eyes and not for the client's (R17). It repeats
// nothing of the assertion.
type AssertionError struct{ Reason string }

// Error tells the reason.
func (e *AssertionError) Error() string { return "client assertion refused: " + e.Reason }

// Unwrap makes it m2m.ErrUnauthenticated.
func (*AssertionError) Unwrap() error { return m2m.ErrUnauthenticated }

// reasonOf tells in words at which step an assertion was refused.
func reasonOf(err error) string {
	stepped, ok := errors.AsType[interface {
		error
		Step() string
	}](err)
	if !ok {
		return "no machine of this id has a public key"
	}
	switch step := stepped.Step(); step {
	case "header":
		return "header: alg must be the registered key's (EdDSA or ES256), typ JWT if there is one, and nothing be critical"
	case "claims":
		return "claims: iss and sub must be the id of the machine, aud one text, exp and jti be there, and nothing but iat and nbf beside them"
	case "issuer":
		return "aud is not this issuer, letter by letter"
	case "time":
		return "it has expired, begins in the future, or ends more than 5 minutes ahead"
	case "key":
		return "its kid is not the registered key's"
	case "signature":
		return "the registered key did not sign it"
	default:
		return "it is no JWT: " + step
	}
}

// AssertionReader checks what machines sign. Read asks keyOf for the public JWK of the machine that an assertion names. m2m.ErrRefused: it
// is not good.
type AssertionReader interface {
	Read(ctx context.Context, assertion secret.Text, keyOf func(context.Context, m2m.MachineID) ([]byte, error)) (m2m.Assertion, error)
}

// AssertionStore keeps which assertions were used.
type AssertionStore interface {
	// AssertionKey gives the key of a living machine. m2m.ErrRefused: there is none.
	AssertionKey(ctx context.Context, id m2m.MachineID) (AssertionKey, error)
	// UseAssertion writes down that an assertion was used, in one commit, and gives whom it proves. m2m.ErrRefused: it was used before,
	// on whatever replica; or it has expired by the database's clock; or jwk is not the key of a living machine of that id any more.
	// Of any number of calls with one assertion, at most one succeeds, for ever.
	UseAssertion(ctx context.Context, a m2m.Assertion, jwk []byte) (Proven, error)
}

const (
	// maxProofs is how many assertions are checked at a time. Anybody can send some that cost a look-up and a signature check; they must
	// not take the database from those who have secrets.
	maxProofs = 8
	// maxProofWait is how long one more waits for its turn (R58).
	maxProofWait = 700 * time.Millisecond
)

// Assertions authenticates machines by what they sign with the private half of their public_jwk (RFC 7523). Safe for concurrent use.
type Assertions struct {
	reader AssertionReader
	store  AssertionStore
	room   chan struct{}
}

// NewAssertions joins the two.
func NewAssertions(reader AssertionReader, store AssertionStore) *Assertions {
	return &Assertions{reader: reader, store: store, room: make(chan struct{}, maxProofs)}
}

// Prove tells which machine made an assertion, and uses it up. m2m.ErrUnauthenticated: none did, or it was used before; *AssertionError
// tells the operator which. admit is asked about a machine that signed, by the hash of its secret, before anything is written down; an
// error of its own leaves the assertion unused.
func (s *Assertions) Prove(ctx context.Context, assertion secret.Text, admit func(current secret.Hash) error) (Proven, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return Proven{}, err
	}
	defer leave()
	var key AssertionKey
	read, err := s.reader.Read(ctx, assertion, func(ctx context.Context, id m2m.MachineID) ([]byte, error) {
		var err error
		key, err = s.store.AssertionKey(ctx, id)
		return key.JWK, err
	})
	if err != nil {
		return Proven{}, refusedFor(err, reasonOf(err))
	}
	if err := admit(key.Current); err != nil {
		return Proven{}, err
	}
	proven, err := s.store.UseAssertion(ctx, read, key.JWK)
	if err != nil {
		return Proven{}, refusedFor(err, "it was used before, or has expired by the database's clock, or its machine has changed meanwhile")
	}
	return proven, nil
}

// refusedFor makes a refusal of err, unless it also says that nobody can tell now (I6).
func refusedFor(err error, reason string) error {
	if errors.Is(err, m2m.ErrRefused) && !errors.Is(err, m2m.ErrUnavailable) {
		return &AssertionError{Reason: reason}
	}
	return fmt.Errorf("check client assertion: %w", err)
}

// enter waits for one of maxProofs places. m2m.ErrBusy: none became free in time.
func (s *Assertions) enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, maxProofWait)
	defer cancel()
	select {
	case s.room <- struct{}{}:
		return func() { <-s.room }, nil
	case <-waiting.Done():
		return nil, fmt.Errorf("wait for a turn to check a client assertion: %w", m2m.ErrBusy)
	}
}
