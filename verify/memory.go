package verify

// Cost of finding a token seen before: one SHA-256 of it and one look-up under a read lock; one allocation, the caller's own Grant.

import (
	"slices"
	"sync"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// memory keeps verified JWTs by hash, at most limit of them: two generations, of which the older is forgotten whole when the younger
// is half the limit. Safe for concurrent use.
type memory struct {
	half int

	mu           sync.RWMutex // guards what follows
	young, older map[secret.Hash]remembered
}

type remembered struct {
	kid   m2m.KeyID
	grant *Grant // never handed out itself
}

func newMemory(limit int) *memory {
	m := &memory{half: limit / 2}
	m.young = map[secret.Hash]remembered{}
	return m
}

// find gives a copy of what a token said, if its key is still in the set and the token lives, and the hash to keep it under otherwise.
func (m *memory) find(t secret.Text, set *keys, now time.Time, leeway time.Duration) (secret.Hash, *Grant) {
	if m.half <= 0 {
		return secret.Hash{}, nil
	}
	h := secret.HashOf(t)
	m.mu.RLock()
	r, ok := m.young[h]
	if !ok {
		r, ok = m.older[h]
	}
	m.mu.RUnlock()
	if !ok || set.byID[r.kid] == nil || !now.Before(r.grant.ExpiresAt.Add(leeway)) {
		return h, nil
	}
	return h, r.grant.clone()
}

// keep remembers a token's Grant, if it is to remember any, and gives one for the caller.
func (m *memory) keep(h secret.Hash, kid m2m.KeyID, g *Grant) *Grant {
	if m.half <= 0 {
		return g
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.half {
		m.young, m.older = make(map[secret.Hash]remembered, m.half), m.young
	}
	m.young[h] = remembered{kid: kid, grant: g}
	return g.clone()
}

// clone is a Grant that its receiver may change: what it points at is shared and clipped, so that appending copies it.
func (g *Grant) clone() *Grant {
	out := *g
	out.Scopes = slices.Clip(out.Scopes)
	out.Claims = slices.Clip(out.Claims)
	return &out
}
