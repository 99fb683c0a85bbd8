package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/test/timeline"
)

// step is one minute of the issuer: what it serves, and tokens that must verify then.
type step struct {
	At           int64    `json:"at"`
	KeySet       string   `json:"jwks"`
	CacheControl string   `json:"cacheControl"`
	Tokens       []string `json:"tokens"`
}

// R39: jose, with the cache policy that it has by itself, never meets a key that it does not have, though the operator rotates three times
// at the first instant at which it is allowed. It would look for an unknown key and find it; so what is held is that it never has to: no
// verifier fetches again within the ten minutes for which it keeps a key set.
func TestJoseVerifiesAcrossRotations(t *testing.T) {
	var played bytes.Buffer
	minutes := 0
	synctest.Test(t, func(t *testing.T) { minutes = play(t, json.NewEncoder(&played)) })
	cmd := exec.CommandContext(t.Context(), nodeWithPackages(t), "rotations.mjs", timeline.KeySet, timeline.Name, string(timeline.Receiver))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = &played, &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &complaints)
	}
	var did struct {
		Verified int
		Fetches  [][]int64 // of each verifier, in milliseconds
	}
	if err := json.Unmarshal(out, &did); err != nil || did.Verified < 5000 {
		t.Errorf("%s, %v", out, err)
	}
	if len(did.Fetches) != 13 {
		t.Errorf("%d verifiers", len(did.Fetches))
	}
	for i, times := range did.Fetches {
		if len(times) < minutes/10-2 {
			t.Errorf("verifier %d fetched %d times in %d minutes", i, len(times), minutes)
		}
		for n := 1; n < len(times); n++ {
			if gap := time.Duration(times[n]-times[n-1]) * time.Millisecond; gap < 10*time.Minute {
				t.Errorf("verifier %d fetched again after %s: it met a key that it did not have", i, gap)
			}
		}
	}
}

// play writes four hours with three rotations, a line a minute, and tells how many.
func play(t *testing.T, lines *json.Encoder) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	issuer := timeline.New(ctx, t, time.Now, keys.DefaultPolicy(2*time.Hour))
	var living []string
	rotations := 0
	const minutes = 4 * 60
	for range minutes {
		o, err := issuer.Keys.Overview(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if rotations < 3 && !o.SafeToRotate.After(o.Now) {
			if err := issuer.Keys.Rotate(ctx, m2m.Actor{Kind: m2m.Operator}, keys.Rotation{}); err != nil {
				t.Fatal(err)
			}
			rotations++
		}
		if living = append(living, issuer.Mint(ctx, t, 2*time.Hour)); len(living) > 119 {
			living = living[1:]
		}
		resp, err := issuer.Client().Get(timeline.KeySet)
		if err != nil {
			t.Fatal(err)
		}
		set, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		err = lines.Encode(step{
			At: time.Now().UnixMilli(), KeySet: string(set), CacheControl: resp.Header.Get("Cache-Control"),
			Tokens: []string{living[len(living)-1], living[0]},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
	if rotations != 3 {
		t.Errorf("%d rotations", rotations)
	}
	return minutes
}
