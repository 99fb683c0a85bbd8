package masterkey

import (
	"context"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Table is one kind of thing that is sealed.
type Table string

// The tables, in the order in which they are sealed anew. The canary is last: where it opens, everything does.
const (
	SigningKeys    Table = "signing_keys"
	MachineSecrets Table = "machine_secrets"
	Tokens         Table = "tokens"
	Canary         Table = "instance"
)

// Tables lists all of them, in that order.
func Tables() []Table { return []Table{SigningKeys, MachineSecrets, Tokens, Canary} }

// Count is how many values of a table are sealed under one version of the master key.
type Count struct {
	Table   Table
	Version string
	Values  int64
}

// Value is one sealed value and where it lies.
type Value struct {
	Row    string // the row's primary key, which also orders the values of a table
	Place  secret.Place
	Sealed secret.Sealed
}

// Swap replaces a sealed value.
type Swap struct {
	Value
	Next secret.Sealed
}

// Store knows where sealed values lie.
type Store interface {
	// SealedCounts counts everything that is sealed, by table and version.
	SealedCounts(ctx context.Context) ([]Count, error)
	// SealedUnder reads at most limit values of a table that are sealed under this version, in the order of their rows, beginning behind
	// the row after (empty: with the first).
	SealedUnder(ctx context.Context, t Table, version, after string, limit int) ([]Value, error)
	// Reseal replaces those values that are still as they were read, in one commit with an audit entry that counts them
	// ("master_key.resealed"; target: the table; none when there are none), and tells how many that were.
	Reseal(ctx context.Context, by m2m.Actor, t Table, swaps []Swap) (int64, error)
}
