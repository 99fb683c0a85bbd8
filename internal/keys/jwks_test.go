package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/dualmint/dualmint/internal/m2m"
)

func keyFromSeed(tb testing.TB, seed byte, s State, created time.Time) (Key, ed25519.PrivateKey) {
	tb.Helper()
	private := ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize))
	public := private.Public().(ed25519.PublicKey)
	kid, err := Thumbprint(public)
	if err != nil {
		tb.Fatal(err)
	}
	sealed := sealer(tb, masterKey).Seal(SealPlace(kid), private.Seed())
	return Key{ID: kid, State: s, Public: public, Sealed: sealed, CreatedAt: created}, private
}

// Section 4 of the wire contract, to the byte: the members, their names and nothing else.
func TestKeySetIsTheContractToTheByte(t *testing.T) {
	k, _ := keyFromSeed(t, 7, Active, epoch)
	v, err := newView(ringOf(k), nil, epoch, sealer(t, masterKey), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"` + string(k.ID) + `","kty":"OKP","use":"sig","x":"` +
		base64.RawURLEncoding.EncodeToString(k.Public) + `"}]}`
	if string(v.document.JSON) != want {
		t.Errorf("%s\nwant\n%s", v.document.JSON, want)
	}
	if e := v.document.ETag; len(e) != 24 || e[0] != '"' || e[23] != '"' || v.document.MaxAge != time.Minute {
		t.Errorf("ETag %s, max-age %s", e, v.document.MaxAge)
	}
}

// R37, R38: announced, active and retiring keys are published, the others are not, and no private half is in it in any encoding.
func TestKeySetHoldsPublishedKeysAndNothingPrivate(t *testing.T) {
	var ring Ring
	var want []string
	var seeds [][]byte
	for i, s := range []State{Announced, Active, Retiring, Removed, Compromised, ""} {
		k, private := keyFromSeed(t, byte(i+1), s, epoch.Add(time.Duration(i)*time.Second))
		ring.Keys = append(ring.Keys, k)
		seeds = append(seeds, private.Seed())
		if i < 3 {
			want = append(want, string(k.ID))
		}
	}
	v, err := newView(ring, nil, epoch, sealer(t, masterKey), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwk.Parse(v.document.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range set.Len() {
		key, _ := set.Key(i)
		got = append(got, key.KeyID())
		if _, private := key.(jwk.OKPPrivateKey); private {
			t.Error("a private key is published")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	var members struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(v.document.JSON, &members); err != nil {
		t.Fatal(err)
	}
	for _, key := range members.Keys {
		if len(key) != 6 {
			t.Errorf("members: %v", key)
		}
	}
	for _, seed := range seeds {
		if strings.Contains(string(v.document.JSON), base64.RawURLEncoding.EncodeToString(seed)) {
			t.Error("a seed is published")
		}
	}
	for _, k := range ring.Keys {
		if _, ok := v.public[k.ID]; ok != k.published() {
			t.Errorf("a key that is %q: found = %v", k.State, ok)
		}
	}
}

// R43: the same bytes on every replica, in whatever order its store gives the rows.
func TestKeySetIsTheSameOnEveryReplica(t *testing.T) {
	a, _ := keyFromSeed(t, 1, Retiring, epoch)
	b, _ := keyFromSeed(t, 2, Active, epoch)
	c, _ := keyFromSeed(t, 3, Announced, epoch.Add(time.Second))
	var first Document
	for i, ring := range []Ring{ringOf(a, b, c), ringOf(c, b, a), ringOf(b, c, a)} {
		v, err := newView(ring, nil, epoch, sealer(t, masterKey), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = v.document
		}
		if diff := cmp.Diff(first, v.document); diff != "" {
			t.Errorf("order %d:\n%s", i, diff)
		}
	}
	v, err := newView(ringOf(a, b), nil, epoch, sealer(t, masterKey), time.Minute)
	if err != nil || v.document.ETag == first.ETag {
		t.Errorf("another set under the same ETag: %v", err)
	}
}

// Doubt denies: a ring in which a published key is not what its row says is not served.
func TestAViewIsRefusedOverOneWrongKey(t *testing.T) {
	good, _ := keyFromSeed(t, 1, Active, epoch)
	other, _ := keyFromSeed(t, 2, Announced, epoch)
	for name, change := range map[string]func(*Key){
		"another public key": func(k *Key) { k.Public = other.Public },
		"another kid":        func(k *Key) { k.ID = m2m.KeyID(strings.Repeat("A", 43)) },
		"small order":        func(k *Key) { k.Public = make([]byte, 32) },
		"no public key":      func(k *Key) { k.Public = nil },
	} {
		bad := good
		change(&bad)
		if v, err := newView(ringOf(other, bad), nil, epoch, sealer(t, masterKey), time.Minute); err == nil {
			t.Errorf("%s: %s", name, v.document.JSON)
		}
	}
	second, _ := keyFromSeed(t, 3, Active, epoch)
	if _, err := newView(ringOf(good, second), nil, epoch, sealer(t, masterKey), time.Minute); err == nil {
		t.Error("two active keys")
	}
}

// R8, R37: the private half opens in its own place only, and belongs to its public half.
func TestAViewDoesNotSignWithAKeyThatDoesNotOpen(t *testing.T) {
	good, private := keyFromSeed(t, 1, Active, epoch)
	other, _ := keyFromSeed(t, 2, Announced, epoch)
	swapped := good
	swapped.Sealed = other.Sealed
	forged := good
	forged.Sealed = sealer(t, masterKey).Seal(SealPlace(good.ID), slices.Repeat([]byte{9}, 32))
	short := good
	short.Sealed = sealer(t, masterKey).Seal(SealPlace(good.ID), []byte("short"))
	for name, bad := range map[string]Key{"swapped": swapped, "another seed": forged, "no seed": short, "nothing": {ID: good.ID, State: Active, Public: good.Public}} {
		v, err := newView(ringOf(bad), nil, epoch, sealer(t, masterKey), time.Minute)
		if err != nil || v.sealed == nil || v.private != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	v, err := newView(ringOf(good), nil, epoch, sealer(t, masterKey), time.Minute)
	if err != nil || v.sealed != nil || !v.private.Equal(private) {
		t.Errorf("the good one: %v, %v", err, v.sealed)
	}
}
