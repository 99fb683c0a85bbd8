package opaque

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Tokens of the first release are read for ever, under the hashes that databases know them by. The file is never written again.
func TestTokensOfTheFirstReleaseAreReadForEver(t *testing.T) {
	text, err := os.ReadFile("testdata/frozen.json")
	if err != nil {
		t.Fatal(err)
	}
	var frozen []struct{ Token, SHA256 string }
	if err := json.Unmarshal(text, &frozen); err != nil {
		t.Fatal(err)
	}
	if len(frozen) == 0 {
		t.Fatal("no tokens")
	}
	for _, f := range frozen {
		got, err := New().Read(t.Context(), secret.Text(f.Token), time.Time{})
		if err != nil || hex.EncodeToString(got.Hash[:]) != f.SHA256 || got.Format != m2m.Opaque || got.ID != "" || got.KeyID != "" {
			t.Errorf("%s: %+v, %v", f.Token, got, err)
		}
	}
}

// R4: a string whose checksum fails is refused here, where nothing is looked up.
func TestReadRefusesAWrongChecksum(t *testing.T) {
	token := secret.New(secret.OpaqueToken).Reveal()
	last := byte('0')
	if token[len(token)-1] == last {
		last = '1'
	}
	got, err := New().Read(t.Context(), secret.Text(token[:len(token)-1]+string(last)), time.Time{})
	if !errors.Is(err, m2m.ErrRefused) || got != (m2m.Presented{}) {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestReadAllocatesLittle(t *testing.T) {
	token := secret.New(secret.OpaqueToken)
	if n := testing.AllocsPerRun(100, func() { _, _ = New().Read(t.Context(), token, time.Time{}) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(secret.New(secret.OpaqueToken).Reveal())
	f.Add("mt_0123456789abcdef0123456789abcdef")
	f.Add("mt_")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := New().Read(t.Context(), secret.Text(text), time.Time{})
		if err != nil && !errors.Is(err, m2m.ErrRefused) {
			t.Fatal(err)
		}
		if (err == nil) != secret.WellFormed(secret.OpaqueToken, text) || (err == nil) != (got.Hash == secret.HashOf(secret.Text(text))) {
			t.Fatalf("%q read as %+v, %v", text, got, err)
		}
	})
}
