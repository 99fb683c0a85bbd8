package keys

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// R42: a process killed at any moment of a rotation or a compromise leaves exactly one active key, which the next one publishes and signs
// with, and nothing that was returned is lost.
func TestAKillInARotationLeavesOneActivePublishedKey(t *testing.T) {
	d := harness.New(t, harness.Postgres(t), fastRefresh)
	steady := d.Start(t)
	b := steady.NewMachine(t, "B")
	a := steady.NewMachine(t, "A", b)
	moved := 0
	wait := 4 * time.Millisecond // after which the process is killed; follows the commit, whatever this machine's speed
	for round := range 25 {
		victim := d.Start(t)
		old, _ := settled(t, steady)
		var under sync.WaitGroup
		under.Go(func() { // the answer may never come
			path, body := "/v1/keys/rotate", harness.Fields{"force": true, "retire": old}
			if round%5 == 4 {
				path, body = "/v1/keys/"+old+"/compromise", nil
			}
			_, _ = victim.Try(t, http.MethodPost, path, d.InstanceKey, body)
		})
		time.Sleep(wait)
		victim.Kill()
		under.Wait()
		before, _ := settled(t, steady)
		token := steady.Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"})
		set := steady.Call(t, http.MethodGet, "/v1/jwks", "", nil).Want(t, http.StatusOK)
		active, _ := settled(t, steady) // what PostgreSQL was told to commit, it may commit a while after the kill
		if kid := kidOf(t, token.Token); !kidsOf(t, set.Body)[kid] || kid != before && kid != active {
			t.Fatalf("round %d: %s was active and %s is; the key set is %s and %s signs", round, before, active, set.Body, kid)
		}
		if wait = wait * 3 / 2; active != old { // it came after the commit: earlier next time
			moved++
			wait /= 3
		}
		for _, kid := range ringOf(t, steady).in("retiring") { // the key set has room for twenty
			steady.Call(t, http.MethodPost, "/v1/keys/"+kid+"/compromise", steady.InstanceKey, nil).Want(t, http.StatusOK)
		}
		token = steady.Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"}) // the first may be of a key that is compromised by now
		if r := steady.Verify(t, b.SecretKey, token.Token); r.Status != http.StatusOK {
			if now, _ := settled(t, steady); now == active {
				t.Fatalf("round %d: %d %s", round, r.Status, r.Body)
			}
		}
	}
	t.Logf("of 25 killed processes %d had moved the ring", moved)
	if moved == 0 || moved == 25 {
		t.Errorf("%d of 25: no kill came before, or none came after the commit", moved)
	}
}
