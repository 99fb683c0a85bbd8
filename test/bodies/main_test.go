// Package bodies throws at the real server what RFC 8259 allows, what it forbids, and what people send all the same, as whole
// bodies and as the values of every field. No input may yield a 5xx (R56), and what is refused is refused in the contract's
// shape.
package bodies

import (
	"os"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }
