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
		"rotation period 11m29s":           func(p *Policy) { p.Period = p.AnnounceFor() - time.Second },
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
	if p.AnnounceFor() != 1101 || p.RetireFor() != 1e7+1000+time.Minute || p.ForgottenAfter() != 101 {
		t.Errorf("announce %d, retire %d, forget %d", p.AnnounceFor(), p.RetireFor(), p.ForgottenAfter())
	}
}
