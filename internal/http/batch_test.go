//go:build !race

package httpapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
)

// An answer to a batch is written into one piece of memory, and not into ever larger ones.
func TestTheAnswerToABatchIsWrittenOnce(t *testing.T) {
	a := &api{answers: newAnswers()}
	for _, scopes := range []int{1, 8} {
		records := make([]*m2m.Record, 256)
		for i := range records {
			if i%5 == 4 {
				continue // a refusal
			}
			records[i] = &m2m.Record{
				Grant: m2m.Grant{
					ID: tokenID, Machine: idA, Claims: m2m.Claims(fmt.Sprintf(`{"n":%d}`, i)), IssuedAt: noon, ExpiresAt: noon.Add(time.Hour),
				},
				Format: m2m.Opaque, CreatedAt: noon, UpdatedAt: noon, LastUsedAt: noon,
			}
			for range scopes {
				records[i].Scopes = append(records[i].Scopes, idB)
			}
		}
		if n := testing.AllocsPerRun(50, func() { a.appendResults(nil, records) }); n > 2 { // the refusal is the other one
			t.Errorf("%d scopes: %v allocations", scopes, n)
		}
	}
}
