package keys

import (
	"strings"
	"testing"
	"time"
)

func TestValidateRefusesImpossiblePolicies(t *testing.T) {
	if err := DefaultPolicy(24 * time.Hour).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Policy){
		"max-age 0":                        func(p *Policy) { p.MaxAge = 0 },
		"max-age 1.5s":                     func(p *Policy) { p.MaxAge = 1500 * time.Millisecond },
		"refresh interval -1ns":            func(p *Policy) { p.Refresh = -1 },
		"lease 10s is not longer":          func(p *Policy) { p.Lease = p.Refresh },
		"margin 4s is less":                func(p *Policy) { p.Margin = 4 * time.Second },
		"patience with laggards -1s":       func(p *Policy) { p.Laggards = -time.Second },
		"publish 48 keys, and verifiers":   func(p *Policy) { p.Period = 32 * time.Minute },
		"rotation period 31m29s":           func(p *Policy) { p.Period = p.AnnounceFor() - time.Second },
		"rotation period 720h0m0s is":      func(p *Policy) { p.MaxAge = 31 * 24 * time.Hour },
		"longest token life 0s":            func(p *Policy) { p.TokenTTL = 0 },
		"longest token life 87600h0m0.000": func(p *Policy) { p.TokenTTL = maxSetting + 1 },
	} {
		p := DefaultPolicy(24 * time.Hour)
		change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Policy{}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("not every fault is told at once: %v", err)
	}
}

// R39, R41: the bounds that the documents state.
func TestBoundsFollowFromThePolicy(t *testing.T) {
	p := Policy{MaxAge: 1, Refresh: 10, Lease: 100, Margin: 1000, Period: 1e6, TokenTTL: 1e7}
	if p.AnnounceFor() != 1101 || p.RetireFor() != 1e7+1000+time.Minute || p.ForgottenAfter() != 101 || p.LaggardsForgetAfter() != 101 {
		t.Errorf("announce %d, retire %d, forget %d", p.AnnounceFor(), p.RetireFor(), p.ForgottenAfter())
	}
	p.Laggards = 7
	if p.AnnounceFor() != 1107 || p.ForgottenAfter() != 101 || p.LaggardsForgetAfter() != 107 {
		t.Errorf("with laggards: announce %d, forget %d and %d", p.AnnounceFor(), p.ForgottenAfter(), p.LaggardsForgetAfter())
	}
	if d := DefaultPolicy(24 * time.Hour); d.AnnounceFor() != 31*time.Minute+30*time.Second || d.published() != 3 {
		t.Errorf("by default: announced for %s, %d published", d.AnnounceFor(), d.published())
	}
}

// R39: a key stays for what it did sign, though the longest life of a token has been lowered since.
func TestRemovalWaitsForTheLastTokenThatWasSigned(t *testing.T) {
	p := testPolicy
	k := retiringAt(epoch)
	if got := p.RemovableAt(k); !got.Equal(epoch.Add(p.RetireFor())) {
		t.Errorf("without tokens: %s", got)
	}
	k.SignedUntil = epoch.Add(time.Minute)
	if got := p.RemovableAt(k); !got.Equal(epoch.Add(p.RetireFor())) {
		t.Errorf("with a token that is dead before: %s", got)
	}
	k.SignedUntil = epoch.Add(100 * time.Hour)
	gone := k.SignedUntil.Add(verifierLeeway + p.Margin)
	ring := ringOf(k, activeAt(epoch.Add(100*time.Hour)), announcedAt("b", epoch))
	if steps := Plan(ring, gone.Add(-1), p); len(steps) != 0 {
		t.Errorf("removed while a verifier may still take its last token: %v", steps)
	}
	if steps := Plan(ring, gone, p); len(steps) != 1 || steps[0] != (Step{"r", Retiring, Removed}) {
		t.Errorf("not removed: %v", steps)
	}
}
