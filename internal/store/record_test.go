package store

import (
	"errors"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// R40: a change of the ring that is not committed yet is waited for, and then obeyed.
func TestARecordWaitsForAChangeOfItsKeyAndIsRefused(t *testing.T) {
	d := oneWriter()["postgres"](t)
	population(t, d, 4, 4)
	h := hot(t, d)
	n := newToken("x")
	n.Format, n.Hash, n.KeyID = m2m.JWT, secret.Hash{}, testKid
	h.Exec("INSERT INTO signing_keys (kid, state, public_key, sealed, key_version, created_at) VALUES (?, 'active', ?, ?, 'v', 0)",
		string(n.KeyID), make([]byte, 32), []byte{1})
	change := d.gorm.Begin()
	if err := change.Exec("UPDATE signing_keys SET state = 'retiring'").Error; err != nil {
		t.Fatal(err)
	}
	type answer struct {
		errs []error
		err  error
	}
	answered := make(chan answer)
	go func() {
		errs, err := d.RecordTokens(t.Context(), []tokens.NewRecord{n})
		answered <- answer{errs, err}
	}()
	waits(t, h, 1, answered)
	if err := change.Commit().Error; err != nil {
		t.Fatal(err)
	}
	if a := <-answered; a.err != nil || !errors.Is(a.errs[0], m2m.ErrKeyNotActive) {
		t.Fatalf("%v, %v", a.errs, a.err)
	}
	if got := h.Int("SELECT count(*) FROM tokens WHERE id = ?", string(n.Grant.ID)); got != 0 {
		t.Error("recorded all the same")
	}
}
