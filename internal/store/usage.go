package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/usage"
)

// usageRowsSQL adds up the writers of each row of the report. The primary key of usage has the rows in this order: nothing is sorted, and
// nothing held in memory, on either side.
const usageRowsSQL = `
SELECT hour, machine_id, receiver_id, operation, format, CAST(sum(count) AS BIGINT)
FROM usage WHERE hour >= ? AND hour < ?
GROUP BY hour, machine_id, receiver_id, operation, format
ORDER BY hour, machine_id, receiver_id, operation, format`

// UsageRows satisfies usage.Store. It holds a connection while it visits.
func (d *DB) UsageRows(ctx context.Context, from, until time.Time, visit func(usage.Row) error) error {
	return d.inSnapshot(ctx, "read usage", func(tx *gorm.DB) error {
		rows, err := tx.Raw(usageRowsSQL, millis(from), millis(until)).Rows()
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var hour int64
			var r usage.Row
			if err := rows.Scan(&hour, &r.Machine, &r.Receiver, &r.Operation, &r.Format, &r.Count); err != nil {
				return err
			}
			r.Hour = fromMillis(hour)
			if err := readable(r); err != nil {
				return err
			}
			if err := visit(r); err != nil {
				return asIs(err)
			}
		}
		return rows.Err()
	})
}

func readable(r usage.Row) error {
	_, okMachine := m2m.ParseMachineID(string(r.Machine))
	_, okReceiver := m2m.ParseMachineID(string(r.Receiver))
	if !okMachine || !okReceiver && r.Receiver != "" {
		return fmt.Errorf("unreadable usage row of the hour %s", r.Hour)
	}
	return nil
}
