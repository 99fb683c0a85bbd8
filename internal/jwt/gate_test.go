package jwt

import (
	"crypto/ed25519"
	"encoding/base64"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// R3, R29: one string is the token; nothing that merely decodes to the same bytes is.
func TestVerifyRefusesEveryOtherSpellingOfAToken(t *testing.T) {
	good := mint(t, goodGrant()).Reveal()
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	cases := map[string]struct {
		token string
		step  refusal
	}{
		"empty":                    {"", errLength},
		"no segment":               {"x", errSegments},
		"two segments":             {header + "." + payload, errSegments},
		"four segments":            {good + "." + signature, errSegments},
		"five segments":            {good + ".a.b", errSegments},
		"JWE shaped":               {header + "." + payload + "." + payload + "." + payload + "." + signature, errSegments},
		"dots alone":               {"..", errSegments},
		"no header":                {"." + payload + "." + signature, errSegments},
		"no payload":               {header + ".." + signature, errSegments},
		"no signature":             {header + "." + payload + ".", errSegments},
		"half a signature":         {header + "." + payload + "." + signature[:43], errSegments},
		"segments swapped":         {payload + "." + header + "." + signature, errHeader},
		"space before":             {" " + good, errCharacters},
		"space behind":             {good + " ", errCharacters},
		"newline behind":           {good + "\n", errCharacters},
		"CR LF in the header":      {header[:4] + "\r\n" + header[4:] + "." + payload + "." + signature, errCharacters},
		"LF in the payload":        {header + "." + payload[:8] + "\n" + payload[8:] + "." + signature, errCharacters},
		"LF in the signature":      {header + "." + payload + "." + signature[:8] + "\n" + signature[8:], errCharacters},
		"NUL":                      {good + "\x00", errCharacters},
		"padding":                  {header + "." + payload + "." + signature + "==", errCharacters},
		"standard alphabet":        {strings.NewReplacer("-", "+", "_", "/").Replace(good), errCharacters},
		"percent encoding":         {strings.Replace(good, ".", "%2E", 1), errCharacters},
		"fullwidth dot":            {strings.Replace(good, ".", "．", 1), errCharacters},
		"quotes around it":         {`"` + good + `"`, errCharacters},
		"the word Bearer":          {"Bearer " + good, errCharacters},
		"an impossible length":     {header + strings.Repeat("A", (5-len(header)%4)%4) + "." + payload + "." + signature, errEncoding},
		"a longer signature":       {good + "A", errSegments},
		"a token of 1 MB":          {header + "." + strings.Repeat("A", 1<<20) + "." + signature, errLength},
		"one byte over the limit":  {header + "." + strings.Repeat("A", MaxLength-len(header)-len(signature)-1) + "." + signature, errLength},
		"the limit, but all zeros": {header + "." + strings.Repeat("A", MaxLength-len(header)-len(signature)-2) + "." + signature, errSignature},
	}
	if !strings.ContainsAny(good, "-_") {
		t.Fatal("the token of this test has no character in which the alphabets differ")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { mustRefuse(t, secret.Text(c.token), c.step) })
	}
}

// R29: the last character of a segment may carry bits that no byte takes; they must be zero.
func TestVerifyRefusesTrailingBits(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	good := mint(t, goodGrant()).Reveal()
	body, last := good[:len(good)-1], good[len(good)-1]
	for i := 1; i < 16; i++ { // 64 bytes leave four bits over
		other := alphabet[strings.IndexByte(alphabet, last)|i]
		mustRefuse(t, secret.Text(body+string(other)), errEncoding)
	}
}

// R3: every change of one character is refused.
func TestVerifyRefusesEveryOneCharacterChange(t *testing.T) {
	v := verifierAt(t, start, 0)
	good := []byte(mint(t, goodGrant()).Reveal())
	for i := range good {
		for _, c := range []byte{good[i] ^ 1, good[i] ^ 2, good[i] ^ 4, good[i] ^ 8, good[i] ^ 16, good[i] ^ 32, good[i] ^ 128, 'A', '_', '.', '='} {
			if c == good[i] {
				continue
			}
			bad := slices.Clone(good)
			bad[i] = c
			if _, err := v.Verify(secret.Text(bad), machineB); err == nil {
				t.Fatalf("accepted with %q instead of %q at %d", c, good[i], i)
			}
		}
		if _, err := v.Verify(secret.Text(slices.Delete(slices.Clone(good), i, i+1)), machineB); err == nil {
			t.Fatalf("accepted without its character %d", i)
		}
		if _, err := v.Verify(secret.Text(slices.Insert(slices.Clone(good), i, 'A')), machineB); err == nil {
			t.Fatalf("accepted with one more character at %d", i)
		}
	}
	if _, err := v.Verify(secret.Text(good), machineB); err != nil {
		t.Fatal(err)
	}
}

// R29: a signature has one form: S is below the order of the group (RFC 8032 section 5.1.7).
func TestVerifyRefusesSPlusL(t *testing.T) {
	good := mint(t, goodGrant()).Reveal()
	cut := strings.LastIndexByte(good, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(good[cut:])
	if err != nil {
		t.Fatal(err)
	}
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	forged := append(slices.Clone(signature[:32]), sum...)
	mustRefuse(t, secret.Text(good[:cut]+base64.RawURLEncoding.EncodeToString(forged)), errSignature)
}

// R29: signatures that a careless implementation takes for anything.
func TestVerifyRefusesDegenerateSignatures(t *testing.T) {
	good := mint(t, goodGrant()).Reveal()
	cut := strings.LastIndexByte(good, '.') + 1
	identity := make([]byte, ed25519.SignatureSize)
	identity[0] = 1
	for _, signature := range [][]byte{make([]byte, ed25519.SignatureSize), identity, slices.Repeat([]byte{0xff}, ed25519.SignatureSize)} {
		mustRefuse(t, secret.Text(good[:cut]+base64.RawURLEncoding.EncodeToString(signature)), errSignature)
	}
}

// R28, R29: what is too long costs no memory.
func TestVerifyOfAHugeTokenAllocatesNothing(t *testing.T) {
	v := verifierAt(t, start, 0)
	huge := secret.Text(strings.Repeat("A", 1<<20) + "." + strings.Repeat("A", 1<<20) + "." + strings.Repeat("A", 86))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := v.Verify(huge, machineB); err == nil {
			t.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 {
		t.Errorf("100 verifications allocated %d bytes", grown)
	}
}

// R2: the other credentials and ids are no tokens of this mode.
func TestReadRefusesOtherKindsOfValue(t *testing.T) {
	for _, value := range []secret.Text{
		secret.New(secret.OpaqueToken), secret.New(secret.MachineSecret), secret.New(secret.InstanceKey),
		secret.Text(m2m.NewTokenID()), machineA, testKid,
	} {
		mustRefuse(t, value, errSegments)
	}
}

func TestAllPlainKnowsExactlyTheAlphabet(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for c := range 256 {
		if want := strings.IndexByte(alphabet, byte(c)) >= 0; allPlain(string([]byte{'a', byte(c), '0'})) != want {
			t.Errorf("%q: want %v", byte(c), want)
		}
	}
}
