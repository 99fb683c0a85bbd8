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
		active, _ := settled(t, steady)
		if wait = wait * 3 / 2; active != old { // it came after the commit: earlier next time
			moved++
			wait /= 3
		}
		for _, kid := range ringOf(t, steady).in("retiring") { // the key set has room for twenty
			steady.Call(t, http.MethodPost, "/v1/keys/"+kid+"/compromise", steady.InstanceKey, nil).Want(t, http.StatusOK)
		}
		set := steady.Call(t, http.MethodGet, "/v1/jwks", "", nil).Want(t, http.StatusOK)
		token := steady.Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"})
		if !kidsOf(t, set.Body)[active] || kidOf(t, token.Token) != active {
			t.Fatalf("round %d: %s is active; the key set is %s and %s signs", round, active, set.Body, kidOf(t, token.Token))
		}
		steady.Verify(t, b.SecretKey, token.Token).Want(t, http.StatusOK)
	}
	t.Logf("of 25 killed processes %d had moved the ring", moved)
	if moved == 0 || moved == 25 {
		t.Errorf("%d of 25: no kill came before, or none came after the commit", moved)
	}
}
