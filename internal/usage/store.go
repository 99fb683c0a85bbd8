package usage

import (
	"context"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// Row is what was counted in one UTC hour, all writers together.
type Row struct {
	Hour      time.Time
	Machine   m2m.MachineID // the token's machine
	Receiver  m2m.MachineID // who verified; empty: the operator, or a creation
	Operation m2m.Operation
	Format    m2m.Format
	Count     int64
}

// Store reads what was counted. Counting itself happens where tokens are created and checked.
type Store interface {
	// UsageRows visits the rows with from <= Hour < until in the order (hour, machine, receiver, operation, format), machines bytewise,
	// without holding them all in memory. An error of visit ends it and is returned.
	UsageRows(ctx context.Context, from, until time.Time, visit func(Row) error) error
}
