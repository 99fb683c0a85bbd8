package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Why an instance does not open. Both sentences are for the operator.
var (
	// ErrWrongMasterKey: none of the master keys opens what this database holds.
	ErrWrongMasterKey = errors.New("no configured master key opens this database: set the one that it is sealed under now: the first one, or what `dualmint master-key reseal` put in its place (a list may hold old and new)")
	// ErrOtherIssuer: the database belongs to an instance of another name.
	ErrOtherIssuer = errors.New("this database belongs to another issuer")
)

const canary = "dualmint canary"

// Open reads the one record of the database, or writes it on the first start, and holds the settings against it. A key other
// than the recorded one becomes the instance key, and the old one stops working. Safe to call from several processes at once.
func Open(ctx context.Context, store Store, sealer *secret.Sealer, issuer string, key secret.Text, now func() time.Time) (Record, error) {
	r, err := store.Instance(ctx)
	if errors.Is(err, m2m.ErrNotFound) {
		r, err = first(ctx, store, sealer, issuer, key, now)
	}
	if err != nil {
		return Record{}, fmt.Errorf("read instance: %w", err)
	}
	if err := r.CheckMasterKey(sealer); err != nil {
		return Record{}, err
	}
	if r.Issuer != issuer {
		return Record{}, fmt.Errorf("%w: it was first started as %s, and now the issuer is %s: set DUALMINT_ISSUER=%s to keep it, or use another database", ErrOtherIssuer, r.Issuer, issuer, r.Issuer)
	}
	hash := secret.HashOf(key)
	if r.KeyHash == hash {
		return r, nil
	}
	if err := store.SetInstanceKey(ctx, m2m.Actor{Kind: m2m.System}, hash); err != nil {
		return Record{}, fmt.Errorf("change instance key: %w", err)
	}
	r.KeyHash = hash
	return r, nil
}

// Check reads the record and tells whether the master keys still open it: what a replica asks before it calls itself ready.
func Check(ctx context.Context, store Store, sealer *secret.Sealer) error {
	r, err := store.Instance(ctx)
	if err != nil {
		return fmt.Errorf("read instance: %w", err)
	}
	return r.CheckMasterKey(sealer)
}

// CheckMasterKey tells whether one of the master keys opens the canary (R9). ErrWrongMasterKey: none does.
func (r Record) CheckMasterKey(sealer *secret.Sealer) error {
	plain, err := sealer.Open(CanaryPlace(r.ID), r.Canary)
	if err != nil || string(plain) != canary {
		return ErrWrongMasterKey
	}
	return nil
}

// first writes the record, or reads that of the process that was faster.
func first(ctx context.Context, store Store, sealer *secret.Sealer, issuer string, key secret.Text, now func() time.Time) (Record, error) {
	created := now().UTC().Truncate(time.Millisecond)
	id, err := ksuid.NewRandomWithTime(created)
	if err != nil {
		return Record{}, fmt.Errorf("make instance id: %w", err)
	}
	r := Record{ID: m2m.InstanceID("ins_" + id.String()), Issuer: issuer, KeyHash: secret.HashOf(key), CreatedAt: created}
	r.Canary = sealer.Seal(CanaryPlace(r.ID), []byte(canary))
	err = store.CreateInstance(ctx, r)
	if errors.Is(err, m2m.ErrConflict) {
		return store.Instance(ctx)
	}
	r.First = err == nil
	return r, err
}

// CanaryPlace is where the canary of an instance is sealed (R8).
func CanaryPlace(id m2m.InstanceID) secret.Place {
	return secret.Place{Table: "instance", ID: string(id)}
}
