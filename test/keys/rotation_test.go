package keys

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

const fastRefresh = "DUALMINT_KEY_REFRESH=1s"

// R38, R42, R43: replicas that are told in the same instant to retire the same key end with one new active key, each time, and no token
// ever has a key that a key set lacks.
func TestRotationsInTheSameInstantAreOne(t *testing.T) {
	const chapters, rounds = 20, 10 // between chapters the set is emptied: it has room for twenty keys
	for name, n := range map[string]int{"two replicas": 2, "three replicas": 3} {
		t.Run(name, func(t *testing.T) {
			replicas := harness.OnPostgres(t, n, fastRefresh)
			machine := replicas[0].NewMachine(t, "A")
			for chapter := range chapters {
				active, announced := settled(t, replicas[0])
				began := time.Now()
				since := map[string]time.Time{active: began}
				known := map[string]time.Time{active: began, announced: began} // to every replica: each has answered since
				stop := watch(t, replicas, machine.SecretKey)
				for round := range rounds {
					since[announced] = time.Now()
					var together sync.WaitGroup
					for _, r := range replicas {
						together.Go(func() {
							reply, err := r.Try(t, http.MethodPost, "/v1/keys/rotate", r.InstanceKey, harness.Fields{"force": true, "retire": active})
							if err != nil || reply.Status != http.StatusOK {
								t.Errorf("round %d: %v %d %s", round, err, reply.Status, reply.Body)
							}
						})
					}
					together.Wait()
					nowActive, nowAnnounced := settled(t, replicas[round%n])
					if nowActive != announced || nowAnnounced == announced {
						t.Fatalf("round %d: %s signs and %s is announced; %s was to sign", round, nowActive, nowAnnounced, announced)
					}
					active, announced = nowActive, nowAnnounced
					known[announced] = time.Now()
				}
				retired := ringOf(t, replicas[0]).in("retiring")
				if len(retired) != rounds {
					t.Errorf("chapter %d: %d keys retired in %d rounds", chapter, len(retired), rounds)
				}
				sets, tokens := stop()
				if len(sets) < rounds || len(tokens) < rounds {
					t.Fatalf("too little was seen: %d key sets, %d tokens", len(sets), len(tokens))
				}
				published(t, sets, tokens, known, since)
				for _, kid := range retired {
					replicas[0].Call(t, http.MethodPost, "/v1/keys/"+kid+"/compromise", replicas[0].InstanceKey, nil).Want(t, http.StatusOK)
				}
				follow(t, replicas)
			}
		})
	}
}

// follow waits until every replica serves the same key set, and gives it: one refresh interval.
func follow(t *testing.T, replicas []*harness.Server) harness.Reply {
	t.Helper()
	var first harness.Reply
	eventually(t, "every replica serves the same key set", func() bool {
		first = replicas[0].Call(t, http.MethodGet, "/v1/jwks", "", nil).Want(t, http.StatusOK)
		for _, r := range replicas[1:] {
			other := r.Call(t, http.MethodGet, "/v1/jwks", "", nil).Want(t, http.StatusOK)
			if string(other.Body) != string(first.Body) || other.Header.Get("ETag") != first.Header.Get("ETag") {
				return false
			}
		}
		return true
	})
	return first
}

// R43: the same bytes from every replica, under the same tag, once each has read the ring.
func TestEveryReplicaServesTheSameKeySet(t *testing.T) {
	replicas := harness.OnPostgres(t, 3, fastRefresh)
	old, _ := settled(t, replicas[0])
	replicas[0].Call(t, http.MethodPost, "/v1/keys/rotate", replicas[0].InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
	replicas[1].Call(t, http.MethodPost, "/v1/keys/"+old+"/compromise", replicas[1].InstanceKey, nil).Want(t, http.StatusOK)
	// Replica 0 has read the ring when its rotation answered; whether it serves what the other has changed since is what is waited for.
	eventually(t, "the compromised key leaves every key set", func() bool {
		return !kidsOf(t, replicas[0].Call(t, http.MethodGet, "/v1/jwks", "", nil).Want(t, http.StatusOK).Body)[old]
	})
	if set := follow(t, replicas); len(kidsOf(t, set.Body)) != 2 || kidsOf(t, set.Body)[old] {
		t.Errorf("the key set is %s", set.Body)
	}
}

// R41: what a compromised key signed is refused by every replica's online check once the compromise has answered.
func TestACompromiseIsInstantOnEveryReplica(t *testing.T) {
	replicas := harness.OnPostgres(t, 2) // with the refresh interval of ten seconds: the database says it, not the copies
	b := replicas[0].NewMachine(t, "B")
	a := replicas[0].NewMachine(t, "A", b)
	token := replicas[1].Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"})
	for _, r := range replicas {
		r.Verify(t, b.SecretKey, token.Token).Want(t, http.StatusOK)
	}
	kid := kidOf(t, token.Token)
	replicas[0].Call(t, http.MethodPost, "/v1/keys/"+kid+"/compromise", replicas[0].InstanceKey, nil).Want(t, http.StatusOK)
	for _, r := range replicas {
		r.Verify(t, b.SecretKey, token.Token).Want(t, http.StatusNotFound)
	}
	if set := replicas[0].Call(t, http.MethodGet, "/v1/jwks", "", nil); kidsOf(t, set.Body)[kid] {
		t.Error("the replica that answered still publishes it")
	}
	fresh := replicas[1].Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"}) // its copy of the ring still names the old key
	if kidOf(t, fresh.Token) == kid {
		t.Error("a replica signs with a compromised key")
	}
	for _, r := range replicas {
		r.Verify(t, b.SecretKey, fresh.Token).Want(t, http.StatusOK)
	}
}

// R38: replicas that change different keys in the same instant, each of which leaves its key in the state that the others saw, are decided one
// after the other all the same: where all of them find the announced key missing, one makes it.
func TestChangesInTheSameInstantAreDecidedOneAfterTheOther(t *testing.T) {
	replicas := harness.OnPostgres(t, 3)
	d := replicas[0].Deployment
	for round := range 20 {
		for range replicas {
			replicas[0].Call(t, http.MethodPost, "/v1/keys/rotate", d.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
		}
		retiring := ringOf(t, replicas[0]).in("retiring")
		query(t, d, "UPDATE signing_keys SET state = 'removed' WHERE state = 'announced'")
		query(t, d, "UPDATE instance SET ring_version = ring_version + 1")
		var together sync.WaitGroup
		for i, r := range replicas {
			together.Go(func() {
				reply, err := r.Try(t, http.MethodPost, "/v1/keys/"+retiring[i]+"/compromise", d.InstanceKey, nil)
				if err != nil || reply.Status != http.StatusOK {
					t.Errorf("round %d: %v %d %s", round, err, reply.Status, reply.Body)
				}
			})
		}
		together.Wait()
		settled(t, replicas[round%3])
	}
}

// I6: a token of a key that another replica has made since this one read the ring is good here at once; one of a key that nobody has is not.
func TestATokenOfAKeyThatIsNewElsewhereIsGood(t *testing.T) {
	replicas := harness.OnPostgres(t, 2) // with the refresh interval of ten seconds
	b := replicas[0].NewMachine(t, "B")
	a := replicas[0].NewMachine(t, "A", b)
	for range 2 { // the second key was never announced to replica 1
		active, _ := settled(t, replicas[0])
		replicas[0].Call(t, http.MethodPost, "/v1/keys/"+active+"/compromise", replicas[0].InstanceKey, nil).Want(t, http.StatusOK)
	}
	token := replicas[0].Mint(t, a.SecretKey, harness.Fields{"token_format": "jwt"})
	replicas[1].Verify(t, b.SecretKey, token.Token).Want(t, http.StatusOK)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"nobody","typ":"at+jwt"}`))
	_, rest, _ := strings.Cut(token.Token, ".")
	replicas[1].Verify(t, b.SecretKey, header+"."+rest).Want(t, http.StatusNotFound)
}
