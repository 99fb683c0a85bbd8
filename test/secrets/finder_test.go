package secrets

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/secret"
)

const (
	word   = 8  // what the finder looks up at every offset
	window = 12 // of a text: shorter than any credential's random part, too long to occur by chance
)

// finder looks for many secrets in much data in one pass.
type finder struct {
	byWord map[uint64][]needle
	maybe  [1 << 16]bool // by the low bits of a word: spares most look-ups
}

type needle struct {
	name  string
	bytes []byte
}

func newFinder() *finder { return &finder{byWord: map[uint64][]needle{}} }

// text looks for a credential: pieces of it as they are (so that a shortened one is found too), and the whole in hexadecimal
// and base64.
func (f *finder) text(name, credential string) {
	random := credential
	for _, prefix := range []secret.Prefix{secret.OpaqueToken, secret.MachineSecret, secret.InstanceKey, secret.SessionID, secret.FirstLink} {
		random = strings.TrimPrefix(random, string(prefix))
	}
	f.needle(name, []byte(random[:window]))
	f.needle(name, []byte(random[len(random)/2:][:window]))
	f.needle(name, []byte(random[len(random)-window:]))
	f.encoded(name, []byte(random))
}

// binary looks for bytes as they are, in hexadecimal and in base64.
func (f *finder) binary(name string, raw []byte) {
	f.needle(name, raw[:window])
	f.encoded(name, raw)
}

func (f *finder) encoded(name string, raw []byte) {
	inHex := hex.EncodeToString(raw)
	f.needle(name+" in hex", []byte(inHex[:2*window]))
	f.needle(name+" in HEX", []byte(strings.ToUpper(inHex[:2*window])))
	for shift := range 3 { // base64 of the same bytes is another at each offset in what is encoded
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, shift), raw...))
			f.needle(name+" in base64", []byte(text[4:4+window+4])) // past what the shift touches
		}
	}
}

func (f *finder) needle(name string, b []byte) {
	w := binary.LittleEndian.Uint64(b)
	f.byWord[w] = append(f.byWord[w], needle{name, b})
	f.maybe[uint16(w^w>>32)] = true
}

// in gives the names of the needles that data holds.
func (f *finder) in(data []byte) []string {
	seen := map[string]bool{}
	var names []string
	for i := 0; i+word <= len(data); i++ {
		w := binary.LittleEndian.Uint64(data[i:])
		if !f.maybe[uint16(w^w>>32)] {
			continue
		}
		for _, n := range f.byWord[w] {
			if len(data)-i >= len(n.bytes) && string(data[i:i+len(n.bytes)]) == string(n.bytes) && !seen[n.name] {
				seen[n.name] = true
				names = append(names, n.name)
			}
		}
	}
	return names
}

// inTree gives what the files below dir hold, by file.
func (f *finder) inTree(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !d.Type().IsRegular() {
			return nil // a running server renames and removes
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			if names := f.in(data); len(names) > 0 {
				out[path] = names
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheFinderFindsEveryForm(t *testing.T) {
	planted := "ak_0123456789ABCDEFGHIJabcdefghijKLMNOP"
	f := newFinder()
	f.text("secret", planted)
	f.binary("raw", []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"))
	for form, data := range map[string]string{
		"whole": "x" + planted + "x", "beginning": planted[:20], "end": "..." + planted[25:], "hex": hex.EncodeToString([]byte(planted)),
		"HEX":              strings.ToUpper(hex.EncodeToString([]byte("Bearer " + planted))),
		"base64":           base64.StdEncoding.EncodeToString([]byte(planted)),
		"base64 of header": base64.StdEncoding.EncodeToString([]byte("Bearer " + planted)),
		"base64 of basic":  base64.URLEncoding.EncodeToString([]byte("mch_x:" + planted)),
		"shifted":          base64.StdEncoding.EncodeToString([]byte("12" + planted)),
		"raw":              "\x02\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c",
		"raw in hex":       "\\x000102030405060708090a0b0c0d0e0f",
	} {
		if len(f.in([]byte(data))) == 0 {
			t.Errorf("%s: not found in %q", form, data)
		}
	}
	if got := f.in([]byte(strings.Repeat("nothing to see here 0123456 ak_ ", 100))); len(got) > 0 {
		t.Errorf("found %v in nothing", got)
	}
}

func toHex(s string) string { return hex.EncodeToString([]byte(s)) }

func toBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
