package machines

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// proofs is both sides of Assertions: one assertion "good" of one machine, which can be used once.
type proofs struct {
	used     map[secret.Hash]string // by the key that was shown
	keyFails error
	useFails error
	hold     chan struct{} // nil: nothing waits
	inside   chan struct{}
}

const proofJWK = `{"kty":"OKP"}`

func (p *proofs) Read(ctx context.Context, assertion secret.Text, keyOf func(context.Context, m2m.MachineID) ([]byte, error)) (m2m.Assertion, error) {
	if p.hold != nil {
		p.inside <- struct{}{}
		<-p.hold
	}
	if assertion != "good" {
		return m2m.Assertion{}, m2m.ErrRefused
	}
	jwk, err := keyOf(ctx, "mch_a")
	if err != nil || string(jwk) != proofJWK {
		return m2m.Assertion{}, err
	}
	return m2m.Assertion{Machine: "mch_a", Use: secret.HashOf(assertion)}, nil
}

func (p *proofs) AssertionKey(context.Context, m2m.MachineID) (AssertionKey, error) {
	return AssertionKey{JWK: []byte(proofJWK), Current: secret.HashOf("current")}, p.keyFails
}

func always(secret.Hash) error { return nil }

func (p *proofs) UseAssertion(_ context.Context, a m2m.Assertion, jwk []byte) (Proven, error) {
	if p.useFails != nil {
		return Proven{}, p.useFails
	}
	if _, again := p.used[a.Use]; again {
		return Proven{}, m2m.ErrRefused
	}
	p.used[a.Use] = string(jwk)
	return Proven{Machine: m2m.Machine{ID: a.Machine}, Current: secret.HashOf("current")}, nil
}

func TestAnAssertionProvesOnceAndWithTheKeyThatItWasReadWith(t *testing.T) {
	p := &proofs{used: map[secret.Hash]string{}}
	s := NewAssertions(p, p)
	got, err := s.Prove(t.Context(), "good", always)
	if err != nil || got.Machine.ID != "mch_a" || got.Current != secret.HashOf("current") {
		t.Fatalf("%+v, %v", got, err)
	}
	if p.used[secret.HashOf("good")] != proofJWK {
		t.Errorf("used with the key %q", p.used[secret.HashOf("good")])
	}
	for _, bad := range []secret.Text{"good", "bad", ""} {
		if got, err := s.Prove(t.Context(), bad, always); !errors.Is(err, m2m.ErrUnauthenticated) || got.Machine.ID != "" {
			t.Errorf("%q: %+v, %v", bad.Reveal(), got, err)
		}
	}
}

// R57: who comes too often is told so before anything is written, and only who signed is counted.
func TestAnAssertionThatIsNotAdmittedIsNotUsed(t *testing.T) {
	p := &proofs{used: map[secret.Hash]string{}}
	s, tooOften := NewAssertions(p, p), errors.New("too often")
	var counted []secret.Hash
	admit := func(current secret.Hash) error {
		counted = append(counted, current)
		return tooOften
	}
	if _, err := s.Prove(t.Context(), "good", admit); !errors.Is(err, tooOften) || len(p.used) != 0 {
		t.Errorf("%v, used: %v", err, p.used)
	}
	if _, err := s.Prove(t.Context(), "bad", admit); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Error(err)
	}
	if len(counted) != 1 || counted[0] != secret.HashOf("current") {
		t.Errorf("counted %v", counted)
	}
	if _, err := s.Prove(t.Context(), "good", always); err != nil {
		t.Error(err)
	}
}

// stepError is a refusal that knows its step.
type stepError string

func (e stepError) Error() string { return string(e) }
func (e stepError) Step() string  { return string(e) }
func (stepError) Unwrap() error   { return m2m.ErrRefused }

// I6: "cannot tell now" is no refusal, and a refusal says nothing more.
func TestDoubtAboutAnAssertionIsNoRefusal(t *testing.T) {
	for _, doubt := range []error{m2m.ErrUnavailable, errors.Join(m2m.ErrRefused, m2m.ErrUnavailable), errors.New("x")} {
		for _, p := range []*proofs{{keyFails: doubt}, {useFails: doubt}} {
			if _, err := NewAssertions(p, p).Prove(t.Context(), "good", always); err == nil || errors.Is(err, m2m.ErrUnauthenticated) {
				t.Errorf("%v: %v", doubt, err)
			}
		}
	}
	for step, want := range map[string]string{"": "public key", "time": "expired", "issuer": "aud", "segments": "segments"} {
		p := &proofs{keyFails: m2m.ErrRefused}
		if step != "" {
			p.keyFails = stepError(step)
		}
		_, err := NewAssertions(p, p).Prove(t.Context(), "good", always)
		if refusal, ok := errors.AsType[*AssertionError](err); !ok || !strings.Contains(refusal.Reason, want) {
			t.Errorf("%q: the operator is told %v", step, err)
		}
	}
	p := &proofs{keyFails: m2m.ErrRefused}
	if _, err := NewAssertions(p, p).Prove(t.Context(), "good", always); !errors.Is(err, m2m.ErrUnauthenticated) {
		t.Errorf("a machine without a key: %v", err)
	}
}

// R58: assertions that anybody can send take no more than their share, and whoever waits is told so in time.
func TestAssertionsWaitForATurnAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{used: map[secret.Hash]string{}, hold: make(chan struct{}), inside: make(chan struct{}, maxProofs+1)}
		s := NewAssertions(p, p)
		ended := make(chan error)
		for range maxProofs {
			go func() {
				_, err := s.Prove(t.Context(), "bad", always)
				ended <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		if _, err := s.Prove(t.Context(), "good", always); !errors.Is(err, m2m.ErrBusy) || time.Since(began) != maxProofWait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if len(p.inside) != maxProofs {
			t.Errorf("%d at a time", len(p.inside))
		}
		close(p.hold)
		for range maxProofs {
			if err := <-ended; !errors.Is(err, m2m.ErrUnauthenticated) {
				t.Error(err)
			}
		}
		if _, err := s.Prove(t.Context(), "good", always); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
}
