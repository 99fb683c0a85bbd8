package store

import (
	"context"
	"fmt"
	"strconv"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/machines"
	"github.com/dualmint/dualmint/internal/masterkey"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/tokens"
)

// sealedColumns is where a table keeps what it seals. Its sealed values are found by their version and read in the order of row, which
// is the primary key: for tokens by the index tokens_by_seal, elsewhere there are few.
type sealedColumns struct {
	table               masterkey.Table
	row, value, version string
	binary              bool // the primary key is bytes
	place               func(row string) secret.Place
}

func sealedTables() []sealedColumns {
	return []sealedColumns{
		{masterkey.SigningKeys, "kid", "sealed", "key_version", false, func(row string) secret.Place { return keys.SealPlace(m2m.KeyID(row)) }},
		{masterkey.MachineSecrets, "hash", "sealed", "key_version", true, func(row string) secret.Place {
			var h secret.Hash
			copy(h[:], row)
			return machines.SecretPlace(h)
		}},
		{masterkey.Tokens, "id", "sealed", "key_version", false, func(row string) secret.Place { return tokens.ReusePlace(m2m.TokenID(row)) }},
		{masterkey.Canary, "id", "canary", "canary_version", false, func(row string) secret.Place { return instance.CanaryPlace(m2m.InstanceID(row)) }},
	}
}

func sealedColumnsOf(t masterkey.Table) (sealedColumns, error) {
	for _, c := range sealedTables() {
		if c.table == t {
			return c, nil
		}
	}
	return sealedColumns{}, fmt.Errorf("nothing is sealed in %q", t)
}

// key is a primary key as the driver wants it.
func (c sealedColumns) key(row string) any {
	if c.binary {
		return []byte(row)
	}
	return row
}

// SealedCounts counts everything that is sealed, by table and version, in one snapshot. It walks every sealed value: it is for an
// operator's question.
func (d *DB) SealedCounts(ctx context.Context) ([]masterkey.Count, error) {
	var out []masterkey.Count
	err := d.inSnapshot(ctx, "count sealed values", func(tx *gorm.DB) error {
		out = nil
		for _, c := range sealedTables() {
			var rows []struct {
				Version string
				Total   int64
			}
			query := fmt.Sprintf("SELECT %[2]s AS version, count(*) AS total FROM %[1]s WHERE %[2]s <> '' GROUP BY %[2]s ORDER BY %[2]s", c.table, c.version)
			if err := tx.Raw(query).Find(&rows).Error; err != nil {
				return err
			}
			for _, r := range rows {
				out = append(out, masterkey.Count{Table: c.table, Version: r.Version, Values: r.Total})
			}
		}
		return nil
	})
	return out, err
}

// SealedUnder reads at most limit values of a table that are sealed under a version, beginning behind the row after.
func (d *DB) SealedUnder(ctx context.Context, t masterkey.Table, version, after string, limit int) ([]masterkey.Value, error) {
	c, err := sealedColumnsOf(t)
	if err != nil {
		return nil, err
	}
	var rows []struct{ Row, Value []byte }
	query := fmt.Sprintf("SELECT %[2]s AS row, %[3]s AS value FROM %[1]s WHERE %[4]s = ? AND %[2]s > ? ORDER BY %[2]s LIMIT ?", c.table, c.row, c.value, c.version)
	if err := d.gorm.WithContext(ctx).Raw(query, version, c.key(after), limit).Find(&rows).Error; err != nil {
		return nil, outward("read sealed values", err)
	}
	out := make([]masterkey.Value, len(rows))
	for i, r := range rows {
		row := string(r.Row)
		out[i] = masterkey.Value{Row: row, Place: c.place(row), Sealed: secret.Sealed{Version: version, Bytes: r.Value}}
	}
	return out, nil
}

// Reseal replaces those values that are still as they were read. The comparison stands in the statement that writes, so what a replica
// has written meanwhile wins.
func (d *DB) Reseal(ctx context.Context, by m2m.Actor, t masterkey.Table, swaps []masterkey.Swap) (int64, error) {
	c, err := sealedColumnsOf(t)
	if err != nil || len(swaps) == 0 {
		return 0, err
	}
	update := fmt.Sprintf("UPDATE %[1]s SET %[3]s = ?, %[4]s = ? WHERE %[2]s = ? AND %[3]s = ? AND %[4]s = ?", c.table, c.row, c.value, c.version)
	var replaced int64
	err = d.inTx(ctx, "seal anew", func(tx *gorm.DB) error {
		replaced = 0
		for _, s := range swaps {
			done := tx.Exec(update, s.Next.Bytes, s.Next.Version, c.key(s.Row), s.Sealed.Bytes, s.Sealed.Version)
			if done.Error != nil {
				return done.Error
			}
			replaced += done.RowsAffected
		}
		if replaced == 0 {
			return nil
		}
		return d.writeAudit(tx, by, "master_key.resealed", string(t), map[string]string{
			"values": strconv.FormatInt(replaced, 10), "version": swaps[0].Next.Version,
		})
	})
	return replaced, err
}
