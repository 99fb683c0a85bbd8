package store

import (
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/storetest"
	"github.com/dualmint/dualmint/internal/tokens"
)

const testKid = m2m.KeyID("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk")

var operator = m2m.Actor{Kind: m2m.Operator}

// withInstance gives the ring something to belong to.
func withInstance(t *testing.T, d *DB) *DB {
	t.Helper()
	r := instance.Record{ID: "ins_000000000000000000000000000", Issuer: "https://a.example", Canary: secret.Sealed{Version: "v", Bytes: []byte{1}}, CreatedAt: time.UnixMilli(1)}
	if err := d.CreateInstance(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return d
}

func newKey(state keys.State) keys.Key {
	return keys.Key{ID: testKid, State: state, Public: make([]byte, 32), Sealed: secret.Sealed{Version: "v", Bytes: []byte{1}}}
}

// R39: a change that waits is dated when it has waited, not when it began.
func TestAStepIsDatedBehindEveryWait(t *testing.T) {
	d := withInstance(t, both()["postgres"](t))
	h := hot(t, d)
	ahead := d.gorm.Begin()
	if err := ahead.Exec("UPDATE instance SET created_at = created_at").Error; err != nil {
		t.Fatal(err)
	}
	changed := make(chan error)
	go func() {
		changed <- d.ChangeRing(t.Context(), operator, 0, []keys.Change{{Key: newKey(keys.Announced)}})
	}()
	waits(t, h, 1, changed)
	began := h.Int("SELECT " + postgresNow)
	for h.Int("SELECT "+postgresNow) < began+20 { // until the clock has moved
	}
	released := h.Int("SELECT " + postgresNow)
	if err := ahead.Commit().Error; err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	if at := h.Int("SELECT created_at FROM signing_keys"); at < released {
		t.Errorf("dated %d ms before it could happen", released-at)
	}
}

// R39: nothing is committed under a date that is older than the bound.
func TestAChangeThatTakesTooLongIsUndone(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := withInstance(t, open(t))
			d.slowestChange = -time.Millisecond
			err := d.ChangeRing(t.Context(), operator, 0, []keys.Change{{Key: newKey(keys.Announced)}})
			if !errors.Is(err, m2m.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			if ring, err := d.Ring(t.Context()); err != nil || ring.Version != 0 || len(ring.Keys) != 0 {
				t.Errorf("it left %+v, %v", ring, err)
			}
		})
	}
}

// R39, R42: a process that is stopped in the middle of a change cannot commit it later, and holds nobody up meanwhile: the server sees to it.
func TestThePauseWithinAChangeIsBoundedByTheServer(t *testing.T) {
	d := withInstance(t, both()["postgres"](t))
	var before, within, after string
	const show = "SELECT current_setting('idle_in_transaction_session_timeout')"
	err := d.gorm.Connection(func(on *gorm.DB) error {
		err := on.Raw(show).Find(&before).Error
		if err != nil {
			return err
		}
		err = on.Transaction(func(tx *gorm.DB) error { return errors.Join(d.notIdle(tx), tx.Raw(show).Find(&within).Error) })
		return errors.Join(err, on.Raw(show).Find(&after).Error)
	})
	if err != nil || within != "2s" || after != before {
		t.Errorf("%q in the transaction, %q after it and %q before, %v", within, after, before, err)
	}
}

// waits returns once n statements wait for a lock, and fails the test when the call ends instead.
func waits[T any](t *testing.T, h storetest.Hot, n int64, ended <-chan T) {
	t.Helper()
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for h.Int(waiting) < n {
		select {
		case answer := <-ended:
			t.Fatalf("it did not wait: %v", answer)
		case <-time.After(time.Millisecond):
		}
	}
}

// R41: whoever comes after a change of the ring waits behind it, however many share the key at that moment: a compromise is not held up
// by those who come later.
func TestNobodyOvertakesAChangeOfTheRing(t *testing.T) {
	d := withInstance(t, both()["postgres"](t))
	population(t, d, 4, 4)
	if err := d.ChangeRing(t.Context(), operator, 0, []keys.Change{{Key: newKey(keys.Active)}}); err != nil {
		t.Fatal(err)
	}
	h := hot(t, d)
	ahead := d.gorm.Begin() // a record that is under way
	for _, statement := range []string{signInTurnSQL, "SELECT kid FROM signing_keys WHERE state = 'active' FOR SHARE"} {
		if err := ahead.Exec(statement).Error; err != nil {
			t.Fatal(err)
		}
	}
	changed := make(chan error, 1)
	go func() {
		changed <- d.ChangeRing(t.Context(), operator, 1, []keys.Change{{Key: newKey(keys.Compromised), From: keys.Active}})
	}()
	waits(t, h, 1, changed)
	n := newToken("x")
	n.Format, n.Hash, n.KeyID = m2m.JWT, secret.Hash{}, testKid
	type answer struct {
		errs []error
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		errs, err := d.RecordTokens(t.Context(), []tokens.NewRecord{n})
		answered <- answer{errs, err}
	}()
	waits(t, h, 2, answered)
	if errs, err := d.RecordTokens(t.Context(), []tokens.NewRecord{newToken("y")}); err != nil || errs[0] != nil {
		t.Errorf("an opaque token has nothing to wait for: %v, %v", errs, err)
	}
	if err := ahead.Commit().Error; err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Errorf("the change: %v", err)
	}
	if a := <-answered; a.err != nil || !errors.Is(a.errs[0], m2m.ErrKeyNotActive) {
		t.Errorf("whoever came after it: %v, %v", a.errs, a.err)
	}
}
