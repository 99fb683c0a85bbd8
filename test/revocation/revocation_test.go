// Package revocation holds two real processes on one PostgreSQL to the promise that the product is about: when a revocation
// has been answered by one of them, none of them accepts the token any more.
package revocation

import (
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

const (
	opaqueRounds = 1000
	jwtRounds    = 200
	lanes        = 4 // rounds under way at once
	verifiers    = 3 // of each round, two of them on the process that did not revoke
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// R17, R18: no verification that begins after the revocation was answered is accepted, on any process, for either format.
func TestARevokedTokenIsRefusedByEveryProcessAtOnce(t *testing.T) {
	replicas := harness.OnPostgres(t, 2)
	receiver := replicas[0].NewMachine(t, "receiver")
	holder := replicas[0].NewMachine(t, "holder", receiver)
	for format, rounds := range map[string]int64{"opaque": opaqueRounds, "jwt": jwtRounds} {
		t.Run(format, func(t *testing.T) {
			var left, asked, untold atomic.Int64
			left.Store(rounds)
			var wg sync.WaitGroup
			for lane := range lanes {
				wg.Go(func() {
					for left.Add(-1) >= 0 && !t.Failed() {
						// Each lane has its own order, so that both processes revoke and both verify.
						round{
							revoker: replicas[lane%2], other: replicas[1-lane%2], holder: holder, receiver: receiver,
							asked: &asked, untold: &untold,
						}.run(t, format)
					}
				})
			}
			wg.Wait()
			t.Logf("%d verifications, %d of which could not be told", asked.Load(), untold.Load())
			if untold.Load() > asked.Load()/100 {
				t.Error("too many verifications could not be told for this to prove anything")
			}
		})
	}
}

// round is the life of one token.
type round struct {
	revoker, other   *harness.Server
	holder, receiver harness.Machine
	asked, untold    *atomic.Int64 // verifications, and those answered with a 503, which is neither good nor bad
}

func (r round) run(t *testing.T, format string) {
	token := r.revoker.Mint(t, r.holder.SecretKey, harness.Fields{"token_format": format})
	var revoked atomic.Pointer[time.Time] // when the answer was here
	var accepted, wg sync.WaitGroup
	for i := range verifiers {
		at := r.other
		if i == 0 {
			at = r.revoker
		}
		accepted.Add(1)
		wg.Go(func() { r.hammer(t, at, token.Token, &revoked, accepted.Done) })
	}
	accepted.Wait() // everyone has seen it good, and goes on asking
	r.revoker.Revoke(t, r.holder.SecretKey, token.ID).Want(t, http.StatusOK)
	answered := time.Now()
	revoked.Store(&answered)
	wg.Wait()
}

// hammer verifies without a pause until two questions in a row began after the revocation, and holds each answer to the time at
// which its question began.
func (r round) hammer(t *testing.T, at *harness.Server, token string, revoked *atomic.Pointer[time.Time], first func()) {
	tell := sync.OnceFunc(first)
	defer tell()
	for late := 0; late < 2; {
		after := revoked.Load() // before the question: what it says held when the question began
		status := at.Verify(t, r.receiver.SecretKey, token).Status
		r.asked.Add(1)
		switch {
		case status == http.StatusServiceUnavailable:
			r.untold.Add(1)
			continue
		case status == http.StatusOK && after != nil:
			t.Errorf("accepted although the revocation had been answered %v before", time.Since(*after))
		case status == http.StatusOK:
			tell()
		case status != http.StatusNotFound:
			t.Errorf("status %d", status)
		}
		if after != nil {
			late++
		}
	}
}
