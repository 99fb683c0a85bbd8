package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// The model: what a naive reading of the rules says, over plain structs, without any SQL.

type modelMachine struct {
	id      m2m.MachineID
	deleted bool
	calls   m2m.Scopes            // of this moment
	secrets map[secret.Hash]int64 // hash -> how many milliseconds it still lives; 0: for ever
}

type modelToken struct {
	tokens.NewRecord
	lives   int64 // milliseconds; 0: for ever
	revoked bool
	state   string // of its key
}

type model struct {
	rule     m2m.ScopeRule
	machines []*modelMachine
	tokens   []*modelToken
}

func (m *model) caller(h secret.Hash) (instance bool, machine *modelMachine) {
	for _, x := range m.machines {
		if lives, ok := x.secrets[h]; ok && !x.deleted && lives >= 0 {
			return false, x
		}
	}
	return h == operator, nil
}

func (m *model) find(p m2m.Presented) *modelToken {
	for _, t := range m.tokens {
		if t.Format != p.Format {
			continue
		}
		if p.Format == m2m.Opaque && t.Hash == p.Hash || p.Format == m2m.JWT && t.Grant.ID == p.ID && t.KeyID == p.KeyID {
			return t
		}
	}
	return nil
}

func (m *model) judge(c tokens.Check) (known bool, good *modelToken, receiver m2m.MachineID) {
	instance, by := m.caller(c.Caller)
	if !instance && by == nil {
		return false, nil, ""
	}
	t := m.find(c.Token)
	if t == nil || t.revoked || t.lives < 0 {
		return true, nil, ""
	}
	if t.Format == m2m.JWT && t.state != "active" && t.state != "retiring" {
		return true, nil, ""
	}
	holder := m.machines[slices.IndexFunc(m.machines, func(x *modelMachine) bool { return x.id == t.Grant.Machine })]
	if holder.deleted {
		return true, nil, ""
	}
	if instance {
		return true, t, ""
	}
	if !m.rule.Allows(by.id, t.Grant.Scopes, holder.calls) {
		return true, nil, ""
	}
	return true, t, by.id
}

// lifetimes of drawn things, in milliseconds from now, far enough from now for any test.
const soon = 600_000

// draw makes a random world and writes it down.
func (w *world) draw(rt *rapid.T, rule m2m.ScopeRule) *model {
	now := w.now()
	m := &model{rule: rule}
	for range rapid.IntRange(1, 5).Draw(rt, "machines") {
		id, h := w.machine()
		x := &modelMachine{id: id, secrets: map[secret.Hash]int64{h: 0}}
		if rapid.Bool().Draw(rt, "has a previous secret") {
			old, lives := w.fresh(), rapid.SampledFrom([]int64{-soon, soon}).Draw(rt, "overlap")
			expires := now + lives
			w.secret(id, old, &expires)
			x.secrets[old] = lives
		}
		x.deleted = rapid.IntRange(0, 5).Draw(rt, "deleted") == 0
		m.machines = append(m.machines, x)
	}
	all := make(m2m.Scopes, len(m.machines))
	for i, x := range m.machines {
		all[i] = x.id
	}
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, len(all), rapid.ID[m2m.MachineID])
	for _, x := range m.machines {
		x.calls = some.Draw(rt, "scopes now")
		for _, to := range x.calls {
			w.scope(x.id, to)
		}
	}
	for range rapid.IntRange(0, 8).Draw(rt, "tokens") {
		m.tokens = append(m.tokens, w.drawToken(rt, now, rapid.SampledFrom(all).Draw(rt, "holder"), some.Draw(rt, "scopes at creation")))
	}
	for _, x := range m.machines {
		if x.deleted {
			w.remove(x.id)
		}
	}
	return m
}

func (w *world) drawToken(rt *rapid.T, now int64, holder m2m.MachineID, scopes m2m.Scopes) *modelToken {
	t := &modelToken{NewRecord: w.opaque(holder, scopes...)}
	t.lives = rapid.SampledFrom([]int64{-soon, soon, soon, 0}).Draw(rt, "lifetime")
	t.revoked = rapid.IntRange(0, 4).Draw(rt, "revoked") == 0
	if rapid.Bool().Draw(rt, "jwt") {
		t.state = rapid.SampledFrom([]string{"active", "active", "retiring", "removed", "compromised", "announced"}).Draw(rt, "key")
		t.Format, t.Hash, t.KeyID = m2m.JWT, secret.Hash{}, keyOf(t.state)
		t.lives = max(t.lives, -soon)
		if t.lives == 0 {
			t.lives = soon
		}
	}
	var expires, revoked *int64
	if t.lives != 0 {
		at := now + t.lives
		expires = &at
	}
	if t.revoked {
		revoked = &now
	}
	var hash []byte
	var kid *string
	if t.Format == m2m.Opaque {
		hash = bytesOf(t.Hash)
	} else {
		kid = (*string)(&t.KeyID)
	}
	w.Exec(`INSERT INTO tokens (id, hash, format, machine_id, scopes, claims, key_id, issued_at, expires_at, created_at, updated_at, revoked_at)
		VALUES `+values(1, 12), string(t.Grant.ID), hash, string(t.Format), string(holder), scopes.String(), string(t.Grant.Claims), kid,
		t.Grant.IssuedAt.UnixMilli(), expires, t.CreatedAt.UnixMilli(), t.CreatedAt.UnixMilli(), revoked)
	return t
}

// drawCheck asks about anything: known and unknown callers, tokens of this world as they are and bent out of shape.
func (w *world) drawCheck(rt *rapid.T, m *model) tokens.Check {
	callers := []secret.Hash{operator, {}, w.fresh()}
	for _, x := range m.machines {
		for h := range x.secrets {
			callers = append(callers, h)
		}
	}
	slices.SortFunc(callers, func(a, b secret.Hash) int { return slices.Compare(a[:], b[:]) })
	c := tokens.Check{Caller: rapid.SampledFrom(callers).Draw(rt, "caller")}
	if len(m.tokens) == 0 || rapid.IntRange(0, 9).Draw(rt, "no token at all") == 0 {
		return c
	}
	c.Token = presented(rapid.SampledFrom(m.tokens).Draw(rt, "token").NewRecord)
	switch rapid.IntRange(0, 15).Draw(rt, "bent") {
	case 0:
		c.Token.KeyID = keyOf("active")
	case 1:
		c.Token.Format = m2m.JWT
	case 2:
		c.Token.Format = m2m.Opaque
	case 3:
		c.Token.Format = ""
	case 4:
		c.Token.Hash[31] ^= 1
	case 5:
		c.Token.ID = "mt_00000000000000000000000000000000"
	case 6:
		c.Token.ID, c.Token.KeyID = "mt_\x00' OR 1=1", "\xff\x00"
	}
	return c
}

// checkAgainstOracle holds CheckTokens against the model, and what was counted against what the model allowed.
func checkAgainstOracle(t *testing.T, open OpenHot, rule m2m.ScopeRule) {
	t.Helper()
	w := newWorld(t, open, rule)
	want := map[count]int64{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 10 {
			var m *model
			w.Together(func() { m = w.draw(rt, rule) })
			for range rapid.IntRange(1, 3).Draw(rt, "batches") {
				checks := make([]tokens.Check, rapid.IntRange(1, 30).Draw(rt, "checks"))
				for i := range checks {
					checks[i] = w.drawCheck(rt, m)
				}
				verdicts, err := w.CheckTokens(t.Context(), checks)
				if err != nil || len(verdicts) != len(checks) {
					rt.Fatalf("%d verdicts for %d checks, %v", len(verdicts), len(checks), err)
				}
				for i, c := range checks {
					known, good, receiver := m.judge(c)
					compareVerdict(rt, c, verdicts[i], known, good)
					if good != nil {
						want[count{good.Grant.Machine, receiver, m2m.OpVerify, good.Format}]++
					}
				}
			}
		}
		if diff := cmp.Diff(want, w.counted()); diff != "" {
			rt.Fatalf("counted (-want +got):\n%s", diff)
		}
	})
}

func compareVerdict(rt *rapid.T, c tokens.Check, v tokens.Verdict, known bool, good *modelToken) {
	if v.CallerKnown != known || (v.Record != nil) != (good != nil) {
		rt.Fatalf("known %v, good %v; the model says %v, %v, of %+v", v.CallerKnown, v.Record != nil, known, good != nil, c)
	}
	if good == nil {
		return
	}
	r := v.Record
	if r.ID != good.Grant.ID || r.Machine != good.Grant.Machine || r.Format != good.Format || r.KeyID != good.KeyID ||
		string(r.Claims) != string(good.Grant.Claims) || !slices.Equal(r.Scopes, good.Grant.Scopes) || r.Revoked() || r.Dead ||
		r.ExpiresAt.IsZero() != (good.lives == 0) || r.LastUsedAt.IsZero() {
		rt.Fatalf("the record is not the token's: %+v, want %+v", *r, good)
	}
}
