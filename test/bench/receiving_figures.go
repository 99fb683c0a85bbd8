package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dualmint/dualmint/verify"
)

const (
	crowdOfCallers = 256
	randomKids     = 100_000
)

// The names of the contestants.
const (
	rawSignature = "raw ed25519.Verify, 1"
	firstSight   = "JWT, first sight, 1"
	withKeyfunc  = "JWT, golang-jwt and keyfunc, 1"
	seenBefore   = "JWT, seen before, 1"
	sharedCalls  = "opaque, shared calls, 256"
	oneCallEach  = "opaque, one call each, 256"
	validAlone   = "valid JWTs, 1"
	validBeside  = "valid JWTs beside random kids, 1"
)

// contestants are the receiving side's.
func (r *receivingSide) contestants(a *arena) []contestant {
	o := a.o
	crowd := func(do func(ctx context.Context, token string) error) func(context.Context) (result, error) {
		return func(ctx context.Context) (result, error) {
			return a.accounted(grouped, func() (result, error) {
				return closedLoop(crowdOfCallers, o.warm, o.span, func(caller, n int) error {
					return do(ctx, r.f.token((caller*o.busy/crowdOfCallers+n)%o.busy).Reveal())
				})
			})
		}
	}
	sees := func(v *verify.Verifier) func() error {
		return func() error {
			_, err := v.Verify(context.Background(), r.token)
			return err
		}
	}
	turns := r.newTurns(sees)
	return []contestant{
		{rawSignature, turns.of(rawSignature, o)},
		{firstSight, turns.of(firstSight, o)},
		{withKeyfunc, turns.of(withKeyfunc, o)},
		{seenBefore, turns.of(seenBefore, o)},
		{sharedCalls, crowd(func(ctx context.Context, token string) error { _, err := r.both.Verify(ctx, token); return err })},
		{oneCallEach, crowd(r.oneCall)},
		{validAlone, func(context.Context) (result, error) {
			return closedLoop(1, o.warm, o.span, func(int, int) error { return sees(r.forgetful)() })
		}},
		{validBeside, func(ctx context.Context) (result, error) { return r.besideRandomKids(ctx, a.o) }},
	}
}

// besideRandomKids verifies good tokens while somebody sends a hundred thousand JWTs with a kid each that nobody has, to a verifier that
// starts without a key set.
func (r *receivingSide) besideRandomKids(ctx context.Context, o options) (result, error) {
	v, err := r.verifier(-1) //nolint:contextcheck // it lives until it is closed
	if err != nil {
		return result{}, err
	}
	defer v.Close()
	fetched := r.keySets.Load()
	parts := strings.Split(r.token, ".")
	var flooded atomic.Bool
	flood := make(chan error, 1)
	go func() {
		defer flooded.Store(true)
		for n := range randomKids {
			header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"EdDSA","kid":"random-%d","typ":"at+jwt"}`, n))
			if _, err := v.Verify(ctx, header+"."+parts[1]+"."+parts[2]); !errors.Is(err, verify.ErrRefused) {
				flood <- fmt.Errorf("a JWT with an unknown kid: %w", err)
				return
			}
		}
		flood <- nil
	}()
	errEnd := errors.New("the flood is over")
	began, most := time.Now(), o.span+o.warm
	got, err := closedLoop(1, 0, most, func(int, int) error {
		if flooded.Load() {
			return errEnd
		}
		_, err := v.Verify(ctx, r.token)
		return err
	})
	if errors.Is(err, errEnd) {
		err = nil
	}
	got.rate *= most.Seconds() / time.Since(began).Seconds()
	got.fetches = float64(r.keySets.Load() - fetched)
	return got, errors.Join(err, <-flood)
}
