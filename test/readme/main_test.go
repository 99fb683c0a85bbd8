package readme

import (
	"os"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }
