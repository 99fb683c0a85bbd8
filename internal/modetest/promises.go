package modetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// roundTrips: what Read gives of a minted token finds its grant and no other, and where the token itself tells, it tells the same.
func (s Subject) roundTrips(t *testing.T) {
	kept := book{}
	rapid.Check(t, func(t *rapid.T) {
		g := Grants().Draw(t, "grant")
		minted := s.mint(t, g)
		if shape := m2m.ShapeOf(minted.Bearer); shape != s.Format {
			t.Fatalf("shape %q; want %q", shape, s.Format)
		}
		kept.enter(s, g, minted)
		presented, err := s.Mode.Read(context.Background(), minted.Bearer, time.Time{})
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		found, ok := kept[presented]
		if !ok || !cmp.Equal(g, found) {
			t.Fatalf("%+v finds %+v; want %+v", presented, found, g)
		}
		if s.Says == nil {
			return
		}
		said, err := s.Says(minted.Bearer)
		if err != nil {
			t.Fatalf("ask the token: %v", err)
		}
		if diff := cmp.Diff(asSaid(g), said, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the grant changed on its way (-minted +read):\n%s", diff)
		}
	})
}

// asSaid is a grant as a token that carries it can tell it: an empty object of claims looks like none.
func asSaid(g m2m.Grant) m2m.Grant {
	if string(g.Claims) == `{}` {
		g.Claims = nil
	}
	return g
}

// R3: any bit of any byte.
func (s Subject) refusesFlippedBits(t *testing.T) {
	good := []byte(s.mint(t, Example()).Bearer.Reveal())
	for i := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			s.refuse(t, "one bit flipped", secret.Text(bad))
		}
	}
}

// R3: truncations, extensions, changes of case, look-alikes, surrounding space.
func (s Subject) refusesOneCharacterChanges(t *testing.T) {
	good := s.mint(t, Example()).Bearer.Reveal()
	for i := range good {
		s.refuse(t, "one character missing", secret.Text(good[:i]+good[i+1:]))
		s.refuse(t, "cut off", secret.Text(good[:i]))
		s.refuse(t, "one character doubled", secret.Text(good[:i]+good[i:i+1]+good[i:]))
		for _, c := range "A0z9-_.=+/ \n\x00Аｍ" { // the last two only look like an A and an m
			if other := good[:i] + string(c) + good[i+1:]; other != good {
				s.refuse(t, "one character changed", secret.Text(other))
			}
		}
	}
	for _, c := range []string{"A", "0", " ", "\n", "\r\n", "\t", "\x00", "=", ".", "\u200b", "\ufeff"} {
		s.refuse(t, "one character more", secret.Text(good+c))
		s.refuse(t, "one character before", secret.Text(c+good))
	}
	for _, change := range []func(string) string{strings.ToUpper, strings.ToLower, strings.ToTitle} {
		if other := change(good); other != good {
			s.refuse(t, "another case", secret.Text(other))
		}
	}
	if _, err := s.Mode.Read(context.Background(), secret.Text(good), time.Time{}); err != nil {
		t.Errorf("the good token beside them: %v", err)
	}
}

// R2: ids, other credentials and the other mode's tokens are refused like anything unknown.
func (s Subject) refusesOtherKinds(t *testing.T) {
	g := Example()
	for what, value := range map[string]secret.Text{
		"nothing":                 "",
		"the other mode's token":  s.Foreign,
		"a token id":              secret.Text(g.ID),
		"a machine id":            secret.Text(g.Machine),
		"a machine secret":        secret.New(secret.MachineSecret),
		"an instance key":         secret.New(secret.InstanceKey),
		"an unknown sort":         secret.New("xx_"),
		"a kilobyte":              secret.Text(strings.Repeat("A", 1<<10)),
		"a megabyte":              secret.Text(strings.Repeat("A.", 1<<19)),
		"a megabyte with dots":    secret.Text(strings.Repeat("A", 1<<20) + ".e30." + strings.Repeat("A", 86)),
		"bytes that are not UTF8": "mt_\xff\xfe",
	} {
		s.refuse(t, what, value)
	}
	if m2m.ShapeOf(s.Foreign) == s.Format || m2m.ShapeOf(s.Foreign) == "" {
		t.Errorf("the other mode's token has the shape %q", m2m.ShapeOf(s.Foreign))
	}
}

// R67: one mode serves everyone at once; run with the race detector.
func (s Subject) concurrentUse(t *testing.T) {
	shared := s.mint(t, Example()).Bearer
	var mu sync.Mutex
	seen := map[secret.Text]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				g := Example()
				g.ID = m2m.NewTokenID()
				minted, err := s.Mode.Mint(context.Background(), g)
				if err != nil {
					t.Errorf("mint: %v", err)
					return
				}
				for _, b := range []secret.Text{minted.Bearer, shared} {
					if _, err := s.Mode.Read(context.Background(), b, time.Time{}); err != nil {
						t.Errorf("read: %v", err)
					}
				}
				if _, err := s.Mode.Read(context.Background(), shared+"A", time.Time{}); err == nil {
					t.Error("a damaged token was read")
				}
				mu.Lock()
				if seen[minted.Bearer] {
					t.Error("one token for two grants")
				}
				seen[minted.Bearer] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
