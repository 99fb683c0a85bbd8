// Package verify runs the public packages verify and client against the real server.
package verify

import (
	"os"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Run(m)) }
