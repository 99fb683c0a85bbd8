package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// BenchmarkCheckTokens measures checks of distinct good tokens, spread over receivers, with commits that reach the disk. Two batches are
// in flight at a time, as in production; b.N counts batches.
func BenchmarkCheckTokens(b *testing.B) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + b.TempDir() + "/dualmint.db" },
		"postgres": func() string { return pgtest.URL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			d := openHot(b, url(), Options{})
			if err := d.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			checks := population(b, d, 20_000, 50)
			for _, size := range []int{1, 32, 128} {
				b.Run(fmt.Sprint(size), func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(1)
					b.RunParallel(func(pb *testing.PB) {
						for at := 0; pb.Next(); at = (at + 37*size) % (len(checks) - size) {
							verdicts, err := d.CheckTokens(b.Context(), checks[at:at+size])
							if err != nil || verdicts[0].Record == nil || verdicts[size-1].Record == nil {
								b.Error("not good", err)
								return
							}
						}
					})
					b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "checks/s")
				})
			}
		})
	}
}

// population records many tokens of some machines that may all call each other, and gives a good check of each.
func population(tb testing.TB, d *DB, n, machines int) []tokens.Check {
	tb.Helper()
	h := hot(tb, d)
	ids, secrets := make([]m2m.MachineID, machines), make([]secret.Hash, machines)
	h.Together(func() {
		for i := range ids {
			ids[i] = m2m.MachineID(fmt.Sprintf("mch_%027d", i))
			secrets[i] = secret.HashOf(secret.Text(ids[i]))
			h.Exec("INSERT INTO machines (id, name, default_format, created_at, updated_at) VALUES (?, 'm', 'opaque', 1, 1)", string(ids[i]))
			h.Exec("INSERT INTO machine_secrets (hash, machine_id, sealed, key_version, created_at) VALUES (?, ?, ?, 'v', 1)",
				secrets[i][:], string(ids[i]), []byte{1})
		}
		for i, from := range ids {
			for j := range 3 {
				h.Exec("INSERT INTO machine_scopes (from_id, to_id, position, created_at) VALUES (?, ?, ?, 1)", string(from),
					string(ids[(i+j)%machines]), j)
			}
		}
	})
	checks := make([]tokens.Check, n)
	const batch = 1000
	for at := 0; at < n; at += batch {
		items := make([]tokens.NewRecord, min(batch, n-at))
		for k := range items {
			i := at + k
			holder := i % machines
			to := (holder + i/machines%3) % machines
			items[k] = tokens.NewRecord{
				Grant: m2m.Grant{
					ID: m2m.NewTokenID(), Machine: ids[holder],
					Scopes:   m2m.Scopes{ids[holder], ids[(holder+1)%machines], ids[(holder+2)%machines]},
					IssuedAt: time.Unix(1, 0), ExpiresAt: time.Unix(1<<33, 0),
				},
				Format: m2m.Opaque, Hash: secret.HashOf(secret.Text(fmt.Sprint("token ", i))), CreatedAt: time.Unix(1, 0),
			}
			checks[i] = tokens.Check{Caller: secrets[to], Token: m2m.Presented{Format: m2m.Opaque, Hash: items[k].Hash}}
		}
		if _, err := d.RecordTokens(tb.Context(), items); err != nil {
			tb.Fatal(err)
		}
	}
	for at := 0; at < n; at += batch { // their first use is behind them
		if _, err := d.CheckTokens(tb.Context(), checks[at:min(at+batch, n)]); err != nil {
			tb.Fatal(err)
		}
	}
	return checks
}
