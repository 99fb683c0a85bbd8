package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/keys"
)

// A policy that cannot hold is told under the setting that is to be changed.
func TestAnImpossiblePolicyIsToldUnderItsSettings(t *testing.T) {
	for want, change := range map[string]func(*keys.Policy){
		"":                          func(*keys.Policy) {},
		"KEY_ROTATION":              func(p *keys.Policy) { p.Period = time.Hour },
		"JWT_MAX_TTL":               func(p *keys.Policy) { p.TokenTTL = 2 * 365 * 24 * time.Hour },
		"KEY_REFRESH":               func(p *keys.Policy) { p.Refresh, p.Lease = 11*24*time.Hour, 33*24*time.Hour },
		"JWKS_MAX_AGE":              func(p *keys.Policy) { p.MaxAge = 31 * 24 * time.Hour },
		"KEY_ROTATION JWKS_MAX_AGE": func(p *keys.Policy) { p.Period, p.MaxAge = 20*time.Hour, 24*time.Hour },
		"KEY_REFRESH JWT_MAX_TTL": func(p *keys.Policy) {
			p.Refresh, p.Lease, p.TokenTTL = 11*24*time.Hour, 33*24*time.Hour, 2*365*24*time.Hour
		},
	} {
		p := keys.DefaultPolicy(24 * time.Hour)
		change(&p)
		var names []string
		for _, f := range policyFaults(p) {
			names = append(names, f.Name)
			if !strings.Contains(f.Message, "does not hold: key policy: ") {
				t.Errorf("%s: %s", f.Name, f.Message)
			}
		}
		wants := strings.Fields(want)
		for i := range wants {
			wants[i] = config.Prefix + wants[i]
		}
		if !slices.Equal(names, wants) {
			t.Errorf("told under %v, not %v", names, wants)
		}
	}
}
