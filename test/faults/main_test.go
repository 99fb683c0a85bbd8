//go:build faults

package faults

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/dualmint/dualmint/test/harness"
)

// How much of each is done; the defaults are what the documents promise.
var (
	kills  = flag.Int("kills", 20, "servers to kill, on each database")
	stride = flag.Int("stride", 1, "bytes between two cuts of a reply")
	storms = flag.Int("storms", 150, "cuts of all connections under load")
	rounds = flag.Int("rounds", 100, "rounds of tokens revoked while they are verified")
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }

// between gives a random time.
func between(least, most time.Duration) time.Duration {
	var b [8]byte
	rand.Read(b[:])
	return least + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(most-least))
}
