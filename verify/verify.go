package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// The two ways in which a token is not accepted.
var (
	// ErrRefused means that the token is not good for this machine. It never says why, and neither should you (R36).
	ErrRefused = errors.New("token refused")
	// ErrUnavailable means that it cannot be told now. It is never a yes.
	ErrUnavailable = errors.New("cannot verify now")
)

// Grant is what a good token says.
type Grant struct {
	ID        string          // the token's id; the jti of a JWT
	Machine   string          // who calls
	Scopes    []string        // whom it may call, as of the token's creation; contains the receiving machine
	Claims    json.RawMessage // the custom claims object, or nil
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: never, for opaque tokens only
	JWT       bool      // verified offline, or with the issuer as well if Accept says so
}

// HasScope tells whether the token's machine may call this machine.
func (g *Grant) HasScope(machine string) bool {
	return machine != "" && slices.Contains(g.Scopes, machine)
}

// Verifier verifies tokens for one receiving machine. Safe for concurrent use. Close ends it.
type Verifier struct {
	config Config
	me     m2m.MachineID
	keys   *keySet
	jwt    *jwtmode.Verifier
	seen   *memory
	issuer *remote
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// Format prints for whom it verifies, and no secret, whatever the verb.
func (v *Verifier) Format(f fmt.State, verb rune) { v.config.Format(f, verb) }

// New makes a Verifier. It makes no request yet: the key set is fetched when the first JWT comes.
func New(c Config) (*Verifier, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &Verifier{config: c, me: m2m.MachineID(c.Machine), seen: newMemory(c.Remember), stop: stop}
	v.keys = newKeySet(ctx, c, &v.done)
	v.jwt, err = jwtmode.NewVerifier(jwtmode.VerifierConfig{Issuer: c.Issuer, Keys: v.keys, Now: c.Now, Leeway: c.Leeway})
	if err != nil {
		stop()
		return nil, fmt.Errorf("verify: %w", err)
	}
	if c.Accept != JWTOnly {
		v.issuer = newRemote(c)
		v.done.Go(func() { _ = v.issuer.group.Run(ctx) })
	}
	return v, nil
}

// Close ends the Verifier: requests under way are answered, later ones are ErrUnavailable.
func (v *Verifier) Close() {
	v.stop()
	v.keys.end()
	v.done.Wait()
	v.config.HTTPClient.CloseIdleConnections()
}

// Verify tells what a token says, if it is good for this machine. Every other outcome is ErrRefused or ErrUnavailable.
func (v *Verifier) Verify(ctx context.Context, token string) (*Grant, error) {
	if len(token) > jwtmode.MaxLength { // before anything looks at it or copies it (R28)
		return nil, ErrRefused
	}
	t := secret.Text(token)
	shape := m2m.ShapeOf(t)
	switch {
	case shape == m2m.JWT && v.config.jwt():
		g, err := v.offline(ctx, t)
		if err == nil && v.config.ask() {
			return v.confirm(ctx, t, g)
		}
		return g, err
	case shape == m2m.Opaque && v.config.opaque():
		if !secret.WellFormed(secret.OpaqueToken, token) {
			return nil, ErrRefused
		}
		return v.issuer.verify(ctx, t)
	default:
		return nil, ErrRefused
	}
}

// confirm asks the issuer about a JWT that is good offline, and holds the two answers against each other.
func (v *Verifier) confirm(ctx context.Context, t secret.Text, offline *Grant) (*Grant, error) {
	online, err := v.issuer.verify(ctx, t)
	if err != nil {
		return nil, err
	}
	if online.ID != offline.ID || online.Machine != offline.Machine {
		return nil, ErrRefused
	}
	return offline, nil
}

// offline verifies a JWT with the key set. One whose key is unknown is looked at once more if a newer set can be had.
func (v *Verifier) offline(ctx context.Context, t secret.Text) (*Grant, error) {
	set, err := v.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	hash, g := v.seen.find(t, set, v.config.Now(), v.config.Leeway)
	if g != nil {
		return g, nil
	}
	got, err := v.jwt.Verify(t, v.me)
	if unknown, ok := errors.AsType[*jwtmode.UnknownKeyError](err); ok {
		if err := v.keys.learn(ctx, unknown.KeyID); err != nil {
			return nil, err
		}
		got, err = v.jwt.Verify(t, v.me)
	}
	if err != nil {
		return nil, ErrRefused
	}
	return v.seen.keep(hash, got.KeyID, grantOf(got.Grant)), nil
}

func grantOf(g m2m.Grant) *Grant {
	out := &Grant{
		ID: string(g.ID), Machine: string(g.Machine), Claims: json.RawMessage(g.Claims),
		IssuedAt: g.IssuedAt, ExpiresAt: g.ExpiresAt, JWT: true,
	}
	out.Scopes = make([]string, len(g.Scopes))
	for i, s := range g.Scopes {
		out.Scopes[i] = string(s)
	}
	return out
}
