package secret

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

const (
	masterA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	masterB = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

// R1, R3: the whole string counts.
func TestEveryOneCharacterChangeOfACredentialIsMalformed(t *testing.T) {
	for _, p := range []Prefix{OpaqueToken, MachineSecret, InstanceKey} {
		s := New(p).Reveal()
		if !WellFormed(p, s) {
			t.Fatalf("a new credential is not well formed")
		}
		for i := range s {
			for _, c := range alphabet + "_-. \x00" {
				changed := s[:i] + string(c) + s[i+1:]
				if changed != s && WellFormed(p, changed) {
					t.Fatalf("position %d changed to %q passes", i, c)
				}
			}
			if WellFormed(p, s[:i]) || WellFormed(p, s[:i]+s[i+1:]) {
				t.Fatalf("cut at %d passes", i)
			}
		}
		for _, around := range []string{s + "a", s + " ", " " + s, s + "\n", strings.ToUpper(s), strings.ToLower(s)} {
			if around != s && WellFormed(p, around) {
				t.Fatalf("%q passes", around)
			}
		}
	}
}

// R1: 190 bits, no modulo bias: each character of the alphabet within five standard deviations of its share.
func TestRandomCharactersAreUniform(t *testing.T) {
	counts := map[byte]int{}
	const draws = 20_000
	for range draws {
		s := New(OpaqueToken).Reveal()
		for i := len(OpaqueToken); i < len(OpaqueToken)+randomLength; i++ {
			counts[s[i]]++
		}
	}
	mean := float64(draws*randomLength) / 62
	for c, n := range counts {
		if d := float64(n) - mean; d*d > 25*mean {
			t.Errorf("%q drawn %d times, expected about %.0f", c, n, mean)
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d different characters drawn", len(counts))
	}
}

// A frozen vector: scanners check this offline.
// The checksum alone does not make a credential.
func TestOtherCharactersAreMalformedWhateverTheChecksum(t *testing.T) {
	for _, c := range []string{"-", "_", " ", "\x00", "\x7f", "/", ":", "@", "[", "`", "{", "\xff"} {
		body := string(OpaqueToken) + strings.Repeat("a", randomLength-1) + c
		sum := checksum(body)
		if WellFormed(OpaqueToken, body+string(sum[:])) {
			t.Errorf("%q is taken for a character", c)
		}
	}
	body := string(OpaqueToken) + strings.Repeat("a", randomLength)
	if sum := checksum(body); !WellFormed(OpaqueToken, body+string(sum[:])) {
		t.Error("a good one is malformed, and this test says nothing")
	}
}

func TestChecksumVector(t *testing.T) {
	if got := checksum("mt_00000000000000000000000000000000"); string(got[:]) != checksumVector {
		t.Errorf("checksum = %s, want %s", got, checksumVector)
	}
}

const checksumVector = "3fCg0V"

// R61: no verb, encoder or logger prints a credential.
func TestTextNeverPrints(t *testing.T) {
	x := struct{ T Text }{New(MachineSecret)}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "t", x.T, "s", x)
	js, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", x, x, x, x.T, x.T, x.T, x.T) + log.String() + string(js)
	if strings.Contains(all, x.T.Reveal()) || strings.Contains(all, x.T.Reveal()[3:]) {
		t.Errorf("printed: %s", all)
	}
}

// R8: two swapped ciphertexts do not open. R9: the first key seals, all open.
func TestSealedValuesOpenOnlyInTheirPlaceAndUnderTheirKey(t *testing.T) {
	a, err := NewSealer(masterA)
	if err != nil {
		t.Fatal(err)
	}
	both, err := NewSealer(masterB + "," + masterA)
	if err != nil {
		t.Fatal(err)
	}
	onlyB, err := NewSealer(masterB)
	if err != nil {
		t.Fatal(err)
	}
	here := Place{Table: "t", ID: "1"}
	v := a.Seal(here, []byte("plain"))
	if got, err := both.Open(here, v); err != nil || string(got) != "plain" {
		t.Errorf("the second key of the list does not open: %q, %v", got, err)
	}
	if both.Version() == a.Version() || both.Seal(here, nil).Version != onlyB.Version() {
		t.Error("the first key of the list does not seal")
	}
	bent := Sealed{Version: v.Version, Bytes: append([]byte{}, v.Bytes...)}
	bent.Bytes[len(bent.Bytes)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another id":    func() ([]byte, error) { return a.Open(Place{"t", "2"}, v) },
		"another table": func() ([]byte, error) { return a.Open(Place{"t1", ""}, v) },
		"another key":   func() ([]byte, error) { return onlyB.Open(here, v) },
		"bent":          func() ([]byte, error) { return a.Open(here, bent) },
		"empty":         func() ([]byte, error) { return a.Open(here, Sealed{}) },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened to %q", name, got)
		}
	}
}

func TestMasterKeyListFaultsAreNamed(t *testing.T) {
	for _, list := range []Text{"", ",", "AAAA", masterA + "," + masterA, masterA + ",x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB="} {
		if _, err := NewSealer(list); err == nil {
			t.Errorf("list %q accepted", list.Reveal())
		} else if strings.Contains(err.Error(), "AAAA") {
			t.Errorf("the fault repeats the key: %v", err)
		}
	}
}

// R11: empty, NUL-bearing, non-UTF-8 and over-long values are refused before any query.
func TestHashOfIsSHA256(t *testing.T) {
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for round := range 200 {
				for _, n := range []int{0, 1, 41, 55, 56, 63, 64, 65, 128, 8192} {
					text := strings.Repeat(string(rune('a'+(worker+round)%26)), n)
					if got, want := HashOf(Text(text)), Hash(sha256.Sum256([]byte(text))); got != want {
						t.Errorf("%d characters: %x, want %x", n, got, want)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestPresentable(t *testing.T) {
	for _, s := range []string{"", "a\x00", "\xff", "é", " a", "a b", "a\n", strings.Repeat("a", 11)} {
		if Presentable(s, 10) {
			t.Errorf("%q is presentable", s)
		}
	}
	if !Presentable("mt_abc.d-e", 10) {
		t.Error("a plain value is not presentable")
	}
}
