package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/opaque"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/store"
	"github.com/dualmint/dualmint/internal/tokens"
)

// Some machines that hold tokens, each of which may call every receiver.
const (
	holders   = 8
	receivers = 4
)

// fixture is a database with machines and live tokens in it, and the keys that belong to it.
type fixture struct {
	database  string
	issuer    string
	master    secret.Text
	instance  secret.Text
	receivers []secret.Text // credentials
	ids       []string      // of the receivers
	holders   []secret.Text // credentials
	tokens    []secret.Text
}

// populate makes the machines and so many opaque tokens.
func populate(ctx context.Context, database string, count int) (_ *fixture, err error) {
	var key [32]byte
	rand.Read(key[:])
	f := &fixture{
		database: database, issuer: "http://bench.example", instance: secret.New(secret.InstanceKey),
		master: secret.Text(base64.StdEncoding.EncodeToString(key[:])),
	}
	db, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	sealer, err := secret.NewSealer(f.master)
	if err != nil {
		return nil, err
	}
	register := machines.New(db, sealer, time.Now)
	operator := m2m.Actor{Kind: m2m.Operator}
	var called []string
	for range receivers {
		made, credential, err := register.Create(ctx, operator, machines.Draft{Name: "receiver"})
		if err != nil {
			return nil, err
		}
		called, f.receivers = append(called, string(made.ID)), append(f.receivers, credential)
	}
	f.ids = called
	var callers []m2m.Machine
	for range holders {
		made, credential, err := register.Create(ctx, operator, machines.Draft{Name: "holder", Scopes: called})
		if err != nil {
			return nil, err
		}
		made.Scopes = nil
		for _, id := range called {
			made.Scopes = append(made.Scopes, m2m.MachineID(id))
		}
		callers, f.holders = append(callers, made.Machine), append(f.holders, credential)
	}
	return f, f.record(ctx, db, callers, count)
}

func (f *fixture) open(ctx context.Context) (*store.DB, error) {
	return store.Open(ctx, store.Options{URL: f.database, ScopeRule: m2m.Live, Now: time.Now})
}

// record writes the tokens, a thousand in a transaction.
func (f *fixture) record(ctx context.Context, db *store.DB, callers []m2m.Machine, count int) error {
	now := time.Now().UTC().Truncate(time.Second)
	const most = 1000
	for len(f.tokens) < count {
		batch := make([]tokens.NewRecord, min(most, count-len(f.tokens)))
		for i := range batch {
			holder := callers[len(f.tokens)%len(callers)]
			g := m2m.Grant{
				ID: m2m.NewTokenID(), Machine: holder.ID, Scopes: holder.Scopes, IssuedAt: now, ExpiresAt: now.Add(24 * time.Hour),
			}
			minted, err := opaque.New().Mint(ctx, g)
			if err != nil {
				return err
			}
			batch[i] = tokens.NewRecord{Grant: g, Format: m2m.Opaque, Hash: minted.Hash, CreatedAt: now}
			f.tokens = append(f.tokens, minted.Bearer)
		}
		results, err := db.RecordTokens(ctx, batch)
		if err = errors.Join(append(results, err)...); err != nil {
			return err
		}
	}
	return nil
}

// verifications are requests for so many of the tokens, with the receivers in turn.
func (f *fixture) verifications(count int) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		out[i] = post("/v1/m2m_tokens/verify", f.receiver(i).Reveal(), fmt.Sprintf(`{"token":%q}`, f.token(i).Reveal()))
	}
	return out
}

// token gives tokens far apart one after the other.
func (f *fixture) token(i int) secret.Text { return f.tokens[i*7919%len(f.tokens)] }

func (f *fixture) receiver(i int) secret.Text { return f.receivers[i%len(f.receivers)] }

// batches are requests for verifications of each tokens at once.
func (f *fixture) batches(count, each int) [][]byte {
	out := make([][]byte, count/each)
	for i := range out {
		list := make([]string, each)
		for k := range list {
			list[k] = `"` + f.token(i*each+k).Reveal() + `"`
		}
		out[i] = post("/v1/m2m_tokens/verify_batch", f.receiver(i).Reveal(), `{"tokens":[`+strings.Join(list, ",")+`]}`)
	}
	return out
}

// creations are requests for tokens of a format.
func (f *fixture) creations(format m2m.Format) [][]byte {
	out := make([][]byte, len(f.holders))
	for i := range out {
		out[i] = post("/v1/m2m_tokens", f.holders[i].Reveal(), fmt.Sprintf(`{"token_format":%q,"seconds_until_expiration":3600}`, format))
	}
	return out
}

// echoes are requests to the echo with the same bodies.
func (f *fixture) echoes(count int) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		out[i] = post("/echo", "", fmt.Sprintf(`{"token":%q}`, f.token(i).Reveal()))
	}
	return out
}
