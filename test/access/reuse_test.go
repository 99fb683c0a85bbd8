package access

import (
	"maps"
	"net/http"
	"sync"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func reusable(format string, more harness.Fields) harness.Fields {
	f := harness.Fields{"token_format": format, "seconds_until_expiration": 600, "min_remaining_ttl_seconds": 60}
	maps.Copy(f, more)
	return f
}

func TestAReusableTokenIsHandedOutAgainAndBilledOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		began := now()
		for i, format := range formats {
			first := w.Mint(t, w.a.SecretKey, reusable(format, harness.Fields{"claims": harness.Fields{"b": 1, "a": 2}}))
			again := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey,
				`{"min_remaining_ttl_seconds":60,"claims":{"a":2.0,"b":1e0},"seconds_until_expiration":300,"token_format":"`+format+`"}`)
			var second harness.Token
			again.Want(t, http.StatusCreated).Into(t, &second)
			if second.ID != first.ID || second.Token != first.Token {
				t.Errorf("%s: equal claims in another order made another token", format)
			}
			w.Verify(t, w.b.SecretKey, second.Token).Want(t, http.StatusOK)
			if got := w.UsageOf(t, w.InstanceKey, began, now()); created(got) != int64(i+1) {
				t.Errorf("%s: %d creations billed, want %d", format, created(got), i+1)
			}
		}
	})
}

func TestReuseMindsEverythingThatMakesATokenWhatItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		seen := map[string]string{}
		unique := func(what string, token harness.Token) {
			t.Helper()
			if before, ok := seen[token.ID]; ok {
				t.Errorf("%s gave the token of %s", what, before)
			}
			seen[token.ID] = what
		}
		for _, format := range formats {
			ask := func(f harness.Fields) harness.Token { return w.Mint(t, w.a.SecretKey, reusable(format, f)) }
			unique(format+" without claims", ask(nil))
			unique(format+" with empty claims", ask(harness.Fields{"claims": harness.Fields{}})) // null is not {}
			unique(format+" with claims", ask(harness.Fields{"claims": harness.Fields{"a": 1}}))
			unique(format+" with other claims", ask(harness.Fields{"claims": harness.Fields{"a": "1"}}))
			unique(format+" asked for without reuse", w.mint(t, format))
			unique(format+" with more life left", ask(harness.Fields{"seconds_until_expiration": 3600, "min_remaining_ttl_seconds": 1200}))
			w.Allow(t, w.a, w.c)
			unique(format+" with another scope", ask(nil))
			w.Disallow(t, w.a, w.c)
			unique(format+" of another machine", w.Mint(t, w.c.SecretKey, reusable(format, nil)))
			revoked := ask(harness.Fields{"claims": harness.Fields{"doomed": true}})
			unique(format+" to be revoked", revoked)
			w.Revoke(t, w.a.SecretKey, revoked.ID).Want(t, http.StatusOK)
			unique(format+" after a revocation", ask(harness.Fields{"claims": harness.Fields{"doomed": true}}))
		}
	})
}

func TestConcurrentMissesMintOneToken(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		oneForAll(t, []*harness.Server{harness.New(t, harness.SQLite(t)).Start(t)})
	})
	t.Run("two processes on postgres", func(t *testing.T) {
		t.Parallel()
		oneForAll(t, harness.OnPostgres(t, 2))
	})
}

func oneForAll(t *testing.T, servers []*harness.Server) {
	t.Helper()
	w := newWorld(t, servers[0])
	for _, format := range formats {
		for round := range 10 {
			var wg sync.WaitGroup
			ids := make([]string, 16)
			for i := range ids {
				wg.Go(func() {
					ids[i] = servers[i%len(servers)].Mint(t, w.a.SecretKey, reusable(format, harness.Fields{"claims": harness.Fields{"round": round}})).ID
				})
			}
			wg.Wait()
			for _, id := range ids {
				if id != ids[0] {
					t.Fatalf("%s, round %d: %v", format, round, ids)
				}
			}
		}
	}
}

func TestReuseNeedsLessThanTheLifetime(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for _, f := range []harness.Fields{
			{"seconds_until_expiration": 60, "min_remaining_ttl_seconds": 60},
			{"seconds_until_expiration": 60, "min_remaining_ttl_seconds": 61},
			{"min_remaining_ttl_seconds": 3600}, // the machine's default
			{"min_remaining_ttl_seconds": -1},
			{"min_remaining_ttl_seconds": 1.5},
			{"min_remaining_ttl_seconds": "1"},
		} {
			if got := w.Call(t, http.MethodPost, "/m2m_tokens", w.a.SecretKey, f); got.Status != http.StatusBadRequest {
				t.Errorf("%v: %d %s", f, got.Status, got.Body)
			}
		}
		w.Mint(t, w.a.SecretKey, harness.Fields{"seconds_until_expiration": 60, "min_remaining_ttl_seconds": 59})
		w.Mint(t, w.a.SecretKey, harness.Fields{"min_remaining_ttl_seconds": 0})
	})
}

// created is the number of creations in a report.
func created(u harness.Usage) int64 {
	var n int64
	for _, row := range u.Data {
		if row.Operation == "create" {
			n += row.Total
		}
	}
	return n
}
