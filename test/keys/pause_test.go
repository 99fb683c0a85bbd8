package keys

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// R40: a replica that slept through a rotation and the removal of the key that it signed with, and wakes with requests waiting, neither
// records nor returns a token of that key.
func TestAReplicaThatSleptThroughARotationReleasesNothing(t *testing.T) {
	replicas := harness.OnPostgres(t, 2, fastRefresh)
	awake, sleeper := replicas[0], replicas[1]
	machine := awake.NewMachine(t, "A")
	for round := range 5 {
		old, _ := settled(t, awake)
		if round > 0 {
			sleeper.Mint(t, machine.SecretKey, harness.Fields{"token_format": "jwt"})
		}
		// Requests are under way in every stage of their work when the process stops.
		var waiting sync.WaitGroup
		var mu sync.Mutex
		var returned []seen
		ask := func() {
			waiting.Go(func() {
				asked := time.Now()
				reply, err := sleeper.Try(t, http.MethodPost, "/v1/m2m_tokens", machine.SecretKey, harness.Fields{"token_format": "jwt"})
				if err != nil || reply.Status != http.StatusCreated {
					return
				}
				var token harness.Token
				reply.Into(t, &token)
				mu.Lock()
				defer mu.Unlock()
				returned = append(returned, seen{asked: asked, had: time.Now(), kid: kidOf(t, token.Token), tokenID: token.ID})
			})
		}
		for range 20 {
			ask()
		}
		sleeper.Pause(t)
		for range 40 { // these reach a process that does not run
			ask()
		}
		awake.Call(t, http.MethodPost, "/v1/keys/rotate", awake.InstanceKey, harness.Fields{"force": true, "retire": old}).Want(t, http.StatusOK)
		// The rotation's commit waits for every record of the old key that is under way, so this is all that there may ever be.
		atRotation := signedBy(t, awake.Deployment, old)
		age(t, awake.Deployment, old)
		eventually(t, "the old key is removed", func() bool {
			for _, k := range ringOf(t, awake) {
				if k.KeyID == old {
					return k.State == "removed"
				}
			}
			return false
		})
		removed := time.Now()
		sleeper.Resume(t)
		waiting.Wait()
		if len(returned) < 10 { // the twenty that waited through the pause are rightly told to come again, and more where the machine is busy
			t.Errorf("round %d: only %d of 60 requests were answered with a token", round, len(returned))
		}
		for _, token := range returned {
			if token.kid == old && token.had.After(removed) {
				// What was recorded before the rotation may be answered late; whether it was, the count below tells.
				if recorded := query(t, awake.Deployment, "UPDATE tokens SET key_id = key_id WHERE id = $1 AND key_id = $2", token.tokenID, old); recorded != 1 {
					t.Errorf("round %d: a token of the removed key was returned and not recorded", round)
				}
			}
		}
		if after := signedBy(t, awake.Deployment, old); after != atRotation {
			t.Errorf("round %d: %d tokens of the old key were recorded after the rotation", round, after-atRotation)
		}
	}
}

// age makes a retired key one whose time is long over, as years of waiting would.
func age(t *testing.T, d *harness.Deployment, kid string) {
	t.Helper()
	const days = 100 * 24 * 3600 * 1000
	if n := query(t, d, "UPDATE signing_keys SET created_at = created_at - $2, activated_at = activated_at - $2, retired_at = retired_at - $2 WHERE kid = $1 AND state = 'retiring'", kid, int64(days)); n != 1 {
		t.Fatalf("%d keys aged", n)
	}
	query(t, d, "UPDATE tokens SET issued_at = issued_at - $2, expires_at = expires_at - $2 WHERE key_id = $1", kid, int64(days))
}

// signedBy counts the tokens recorded under a key.
func signedBy(t *testing.T, d *harness.Deployment, kid string) int64 {
	t.Helper()
	return query(t, d, "UPDATE tokens SET key_id = key_id WHERE key_id = $1", kid)
}
