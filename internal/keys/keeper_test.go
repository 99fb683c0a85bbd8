package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// R38: the first start of all makes one active key and one announced behind it, at once, and a second start makes none.
func TestFirstStartMakesTheFirstKeys(t *testing.T) {
	s := new(fakeStore)
	first := started(t, s)
	settled(t, s.ring)
	if diff := cmp.Diff([]string{"system active", "system announced"}, s.audit); diff != "" {
		t.Error(diff)
	}
	kid, private, err := first.Signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public, ok := first.PublicKey(kid)
	if !ok || !public.Equal(private.Public()) {
		t.Error("the signer's key is not the published one")
	}
	before := s.ring.Version
	second := started(t, s)
	if s.ring.Version != before {
		t.Error("a second start changed the ring")
	}
	a, _ := first.JWKS(t.Context())
	b, _ := second.JWKS(t.Context())
	if diff := cmp.Diff(a, b); diff != "" { // R43
		t.Error(diff)
	}
}

// R37: at rest the private half is sealed, and does not open elsewhere.
func TestPrivateHalvesAreStoredSealedOnly(t *testing.T) {
	s := new(fakeStore)
	k := started(t, s)
	_, private, err := k.Signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if dump := fmt.Sprintf("%x %+v", s.ring, s.ring); strings.Contains(dump, fmt.Sprintf("%x", private.Seed())) {
		t.Error("the ring holds a seed")
	}
	if _, err := sealer(t, masterKey).Open(SealPlace(s.ring.Keys[0].ID), s.ring.Keys[1].Sealed); !errors.Is(err, secret.ErrNotOpened) {
		t.Errorf("a key opens in another one's place: %v", err)
	}
}

// R9: start-up fails closed when the master key cannot open the active key, and with an impossible policy.
func TestStartFailsClosed(t *testing.T) {
	s := new(fakeStore)
	started(t, s)
	wrong := New(Deps{Store: s, Sealer: sealer(t, anotherKey), Policy: DefaultPolicy(time.Hour), Now: time.Now})
	if err := wrong.Start(t.Context()); !errors.Is(err, secret.ErrNotOpened) {
		t.Errorf("another master key: %v", err)
	}
	if _, _, err := wrong.Signer(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("and it signs: %v", err)
	}
	both := New(Deps{Store: s, Sealer: sealer(t, anotherKey+","+masterKey), Policy: DefaultPolicy(time.Hour), Now: time.Now})
	if err := both.Start(t.Context()); err != nil {
		t.Errorf("the old master key behind a new one: %v", err)
	}
	if err := newKeeper(t, s, Policy{}).Start(t.Context()); err == nil {
		t.Error("an impossible policy")
	}
	if err := newKeeper(t, &fakeStore{broken: true}, DefaultPolicy(time.Hour)).Start(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("without a database: %v", err)
	}
}

func TestAKeeperThatHasReadNothingAnswersNothing(t *testing.T) {
	k := newKeeper(t, new(fakeStore), DefaultPolicy(time.Hour))
	if d, err := k.JWKS(t.Context()); !errors.Is(err, m2m.ErrUnavailable) {
		t.Errorf("%s, %v", d.JSON, err)
	}
	if _, private, err := k.Signer(t.Context()); !errors.Is(err, m2m.ErrUnavailable) || private != nil {
		t.Error(err)
	}
	if _, ok := k.PublicKey("kid"); ok {
		t.Error("knows a key")
	}
}

// R40, R43: a replica that cannot read the ring answers until its lease is over, then 503, and comes back by itself.
func TestAnOldCopyOfTheRingIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = k.Run(ctx) }()
		lease := k.deps.Policy.Lease
		good := func() bool {
			_, err := k.JWKS(ctx)
			_, _, errSigner := k.Signer(ctx)
			if errors.Is(err, m2m.ErrUnavailable) != errors.Is(errSigner, m2m.ErrUnavailable) {
				t.Fatalf("key set: %v; signer: %v", err, errSigner)
			}
			return err == nil
		}
		time.Sleep(time.Hour + time.Millisecond)
		if !good() {
			t.Fatal("not served while all is well")
		}
		s.set(func(s *fakeStore) { s.broken = true })
		time.Sleep(lease - time.Second) // the last reading was a millisecond ago
		if !good() {
			t.Error("not served within the lease")
		}
		time.Sleep(2 * time.Second)
		if good() {
			t.Error("served from a copy older than the lease")
		}
		time.Sleep(24 * time.Hour)
		s.set(func(s *fakeStore) { s.broken = false })
		if good() {
			t.Error("served before the ring was read again")
		}
		time.Sleep(k.deps.Policy.Refresh)
		if !good() {
			t.Error("does not come back")
		}
	})
}

// R41: another replica's compromise is in this one's key set after one interval.
func TestEveryReplicaFollowsWithinOneInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		one, two := started(t, s), started(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = two.Run(ctx) }()
		kid, _, err := one.Signer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Compromise(ctx, m2m.Actor{Kind: m2m.Operator}, kid); err != nil {
			t.Fatal(err)
		}
		time.Sleep(two.deps.Policy.Refresh + 1)
		a, _ := one.JWKS(ctx)
		b, err := two.JWKS(ctx)
		if err != nil || !cmp.Equal(a, b) || strings.Contains(string(b.JSON), string(kid)) {
			t.Errorf("%s, %v", b.JSON, err)
		}
	})
}

// Two replicas that start in the same instant on an empty database end with one pair of keys.
func TestReplicasThatStartTogetherMakeOnePair(t *testing.T) {
	for range 50 {
		s := new(fakeStore)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { started(t, s) })
		}
		wg.Wait()
		settled(t, s.ring)
		if len(s.ring.Keys) != 2 {
			t.Fatalf("%d keys", len(s.ring.Keys))
		}
	}
}

// R42: a process killed before, or right after, the commit of any step leaves exactly one active key, and the next one goes on.
func TestAKillAroundAnyCommitLeavesOneActiveKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		s.onChange = func(r Ring) { settled(t, r) }
		killed := errors.New("killed")
		for round := range 60 {
			if round%2 == 0 {
				s.set(func(s *fakeStore) { s.beforeCommit = killed })
			} else {
				s.set(func(s *fakeStore) { s.afterCommit = killed })
			}
			version := s.ring.Version
			k := newKeeper(t, s, testPolicy)
			err := k.Start(t.Context())
			for ; err == nil; err = k.tend(t.Context()) { // until a step is due
				time.Sleep(time.Hour)
			}
			if !errors.Is(err, killed) || s.ring.Version != version+int64(round%2) {
				t.Fatalf("round %d: %v at version %d after %d", round, err, s.ring.Version, version)
			}
			if round > 0 {
				settled(t, s.ring)
			}
		}
		if n := len(s.ring.in(Removed)); n < 5 {
			t.Errorf("only %d keys came to their end", n)
		}
	})
}

// A caller of Refresh sees what was there when it asked: nobody shares a reading that began earlier.
func TestRefreshNeverAnswersFromAReadingThatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(fakeStore)
		k := started(t, s)
		hold := make(chan struct{})
		var once atomic.Bool
		s.set(func(s *fakeStore) {
			s.reads = 0
			s.whileReading = func() {
				if once.CompareAndSwap(false, true) {
					<-hold
				}
			}
		})
		var wg sync.WaitGroup
		wg.Go(func() { _ = k.Refresh(t.Context()) }) // reads, and is held up with what it has read
		synctest.Wait()
		s.set(func(s *fakeStore) { s.ring.Version = 1000 })
		for range 20 {
			wg.Go(func() {
				if err := k.Refresh(t.Context()); err != nil || k.view.Load().ring.Version != 1000 {
					t.Errorf("sees version %d, %v", k.view.Load().ring.Version, err)
				}
			})
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := k.Refresh(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waits longer than its context: %v", err)
		}
		close(hold)
		wg.Wait()
		if s.reads != 2 {
			t.Errorf("%d readings for 21 callers", s.reads)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := started(t, new(fakeStore))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The path of every token and of every fetch of the key set.
func TestAnsweringFromMemoryAllocatesNothing(t *testing.T) {
	k := started(t, new(fakeStore))
	ctx := t.Context()
	kid, _, _ := k.Signer(ctx)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = k.JWKS(ctx)
		_, _, _ = k.Signer(ctx)
		_, _ = k.PublicKey(kid)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
