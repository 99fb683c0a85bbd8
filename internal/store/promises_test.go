package store

import (
	"testing"

	"github.com/dualmint/dualmint/internal/storetest"
)

func TestPromises(t *testing.T) {
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Stores { t.Helper(); return open(t) })
		})
	}
}
