// Package keys drives real processes through rotations, compromises, pauses and kills, and looks at them as verifiers do: at the tokens
// they return and the key sets they serve. What takes years is played in memory on a clock of the test's own.
package keys

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// key is what a test reads of the operator's list.
type key struct {
	KeyID string `json:"kid"`
	State string `json:"state"`
}

type ring []key

func ringOf(t *testing.T, s *harness.Server) ring {
	t.Helper()
	var out struct{ Data ring }
	s.Call(t, http.MethodGet, "/v1/keys", s.InstanceKey, nil).Want(t, http.StatusOK).Into(t, &out)
	return out.Data
}

func (r ring) in(state string) []string {
	var out []string
	for _, k := range r {
		if k.State == state {
			out = append(out, k.KeyID)
		}
	}
	return out
}

// settled fails the test unless exactly one key signs and one stands behind it (R38, R42), and gives them.
func settled(t *testing.T, s *harness.Server) (active, announced string) {
	t.Helper()
	r := ringOf(t, s)
	if len(r.in("active")) != 1 || len(r.in("announced")) != 1 {
		t.Fatalf("the ring is %v", r)
	}
	return r.in("active")[0], r.in("announced")[0]
}

// kidsOf reads a key set.
func kidsOf(t *testing.T, body []byte) map[string]bool {
	t.Helper()
	var set struct {
		Keys []struct {
			KeyID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		t.Errorf("%v: %s", err, body)
	}
	kids := map[string]bool{}
	for _, k := range set.Keys {
		kids[k.KeyID] = true
	}
	return kids
}

// kidOf reads the header of a JWT.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
	var header struct {
		KeyID string `json:"kid"`
	}
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil || header.KeyID == "" {
		t.Errorf("header %q: %v", text, err)
	}
	return header.KeyID
}

// seen is an answer: when it was asked for and had, and what it says: the kids of a key set, or that of a token.
type seen struct {
	replica      int
	asked, had   time.Time
	kids         map[string]bool
	kid, tokenID string
}

// watch asks every replica for its key set and for JWTs, over and over, until the function that it gives is called, which gives
// everything that was answered. Tokens are asked for as the machine that holds the secret. Every question for a key set has to be answered
// with one; of those for a token one in twenty may be told to come again, as when its key was retired time and again while it was signed.
func watch(t *testing.T, replicas []*harness.Server, secret string) (stop func() (sets, tokens []seen)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var sets, tokens []seen
	var noSet, noToken atomic.Int64
	var loops sync.WaitGroup
	loop := func(ask func() (seen, bool), into *[]seen, failed *atomic.Int64) {
		loops.Go(func() {
			for ctx.Err() == nil {
				s, ok := ask()
				if !ok {
					failed.Add(1)
					continue
				}
				mu.Lock()
				*into = append(*into, s)
				mu.Unlock()
				time.Sleep(time.Millisecond) // leave the processors to the replicas
			}
		})
	}
	for i, r := range replicas {
		loop(func() (seen, bool) {
			asked := time.Now()
			reply, err := r.Try(t, http.MethodGet, "/v1/jwks", "", nil)
			if err != nil || reply.Status != http.StatusOK {
				return seen{}, false
			}
			return seen{replica: i, asked: asked, had: time.Now(), kids: kidsOf(t, reply.Body)}, true
		}, &sets, &noSet)
		loop(func() (seen, bool) {
			asked := time.Now()
			reply, err := r.Try(t, http.MethodPost, "/v1/m2m_tokens", secret, harness.Fields{"token_format": "jwt"})
			if err != nil || reply.Status != http.StatusCreated {
				return seen{}, false
			}
			var token harness.Token
			reply.Into(t, &token)
			return seen{replica: i, asked: asked, had: time.Now(), kid: kidOf(t, token.Token), tokenID: token.ID}, true
		}, &tokens, &noToken)
	}
	return func() ([]seen, []seen) {
		cancel()
		loops.Wait()
		t.Logf("%d key sets and %d refusals, %d tokens and %d refusals", len(sets), noSet.Load(), len(tokens), noToken.Load())
		if noSet.Load() > 0 || noToken.Load()*20 > int64(len(tokens)) {
			t.Errorf("%d of %d key sets and %d of %d tokens were not given", noSet.Load(), len(sets), noToken.Load(), len(tokens))
		}
		return sets, tokens
	}
}

// published fails the test unless every key set that was asked for since a key was announced to all replicas holds that key, and every token
// is signed by a key that was told to, which was announced before.
func published(t *testing.T, sets, tokens []seen, announced, since map[string]time.Time) {
	t.Helper()
	signed := map[string]bool{}
	for _, token := range tokens {
		if at, ok := since[token.kid]; !ok || token.had.Before(at) {
			t.Fatalf("replica %d returned a token signed by %s before its time", token.replica, token.kid)
		}
		signed[token.kid] = true
	}
	if len(signed) < len(since)/4 {
		t.Errorf("tokens of %d keys were seen; %d keys signed", len(signed), len(since))
	}
	for kid, at := range since {
		if known, ok := announced[kid]; !ok || known.After(at) {
			t.Fatalf("%s signs and was not announced before", kid)
		}
	}
	for _, set := range sets {
		for kid, at := range announced {
			if !set.asked.Before(at) && !set.kids[kid] {
				t.Fatalf("%v after %s was announced replica %d serves a key set without it", set.asked.Sub(at), kid, set.replica)
			}
		}
	}
}

// query runs a statement on the deployment's database, behind its processes' back, and tells how many rows it changed.
func query(t *testing.T, d *harness.Deployment, sql string, args ...any) int64 {
	t.Helper()
	return count(t, d, "WITH done AS ("+sql+" RETURNING 1) SELECT count(*) FROM done", args...)
}

// count runs a query that gives one number.
func count(t *testing.T, d *harness.Deployment, sql string, args ...any) int64 {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing is left to lose
	var n int64
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
