package jwt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// R22, R23: the wire contract's header and claims, to the byte.
func TestMintWritesExactlyTheContract(t *testing.T) {
	token := mint(t, goodGrant()).Reveal()
	segments := strings.Split(token, ".")
	for i, want := range []string{
		goodHeader,
		`{"iss":"` + issuer + `","sub":"` + machineA + `","client_id":"` + machineA + `","aud":["` + machineB + `","` + machineC +
			`"],"scope":"` + machineB + ` ` + machineC + `","exp":1900003600,"iat":1900000000,"nbf":1900000000,"jti":"` + tokenID +
			`","permissions":["read","write"],"role":"billing"}`,
	} {
		got, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err != nil || string(got) != want {
			t.Errorf("segment %d:\n%s\nwant\n%s\n%v", i, got, want, err)
		}
	}
	if m2m.ShapeOf(mint(t, goodGrant())) != m2m.JWT {
		t.Error("the token has not the shape of its format")
	}
}

// R28: 8 KiB is the most; one byte more is ErrTooLarge.
func TestMintRefusesWhatPassesTheLimit(t *testing.T) {
	g := goodGrant()
	lo, hi := 0, MaxLength
	longest := ""
	for lo < hi { // the longest padding that fits
		mid := (lo + hi + 1) / 2
		g.Claims = m2m.Claims(`{"p":"` + strings.Repeat("x", mid) + `"}`)
		minted, err := modeAt(start).Mint(context.Background(), g)
		if err != nil {
			if !errors.Is(err, m2m.ErrTooLarge) {
				t.Fatal(err)
			}
			hi = mid - 1
			continue
		}
		lo, longest = mid, minted.Bearer.Reveal()
	}
	if len(longest) > MaxLength || len(longest) < MaxLength-2 {
		t.Errorf("the longest token has %d bytes", len(longest))
	}
	if _, err := verifierAt(t, start, 0).Verify(mint(t, goodGrant()), machineB); err != nil {
		t.Error(err)
	}
	g = goodGrant()
	g.Claims, g.Scopes = nil, nil
	for len(g.Scopes) < 80 { // what the wire contract promises
		g.Scopes = append(g.Scopes, m2m.MachineID(machineB[:28])+m2m.MachineID([]byte{'0', byte('0' + len(g.Scopes)/10), byte('0' + len(g.Scopes)%10)}))
	}
	if _, err := modeAt(start).Mint(context.Background(), g); err != nil {
		t.Errorf("80 scopes without claims: %v", err)
	}
}

// R22-R24: a grant that the verifier would not read back as it is, is never signed.
func TestMintRefusesAGrantThatDoesNotReadBack(t *testing.T) {
	for name, change := range map[string]func(*m2m.Grant){
		"no expiry":                 func(g *m2m.Grant) { g.ExpiresAt = time.Time{} },
		"expiry at the beginning":   func(g *m2m.Grant) { g.ExpiresAt = g.IssuedAt },
		"half a second":             func(g *m2m.Grant) { g.ExpiresAt = g.ExpiresAt.Add(500 * time.Millisecond) },
		"issued between seconds":    func(g *m2m.Grant) { g.IssuedAt = g.IssuedAt.Add(time.Millisecond) },
		"no id":                     func(g *m2m.Grant) { g.ID = "" },
		"no machine":                func(g *m2m.Grant) { g.Machine = "" },
		"an id that breaks out":     func(g *m2m.Grant) { g.Machine = `mch_","sub":"` },
		"a scope that is no id":     func(g *m2m.Grant) { g.Scopes = m2m.Scopes{"*"} },
		"an empty scope":            func(g *m2m.Grant) { g.Scopes = m2m.Scopes{""} },
		"claims that are no object": func(g *m2m.Grant) { g.Claims = m2m.Claims(`["a"]`) },
		"an empty array":            func(g *m2m.Grant) { g.Claims = m2m.Claims(`[]`) },
		"claims that break out":     func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"a":1},"b":{}`) },
		"two objects":               func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"a":1}{"b":1}`) },
		"claims with spaces":        func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"a": 1}`) },
		"a claim twice":             func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"a":1,"a":2}`) },
		"a registered claim":        func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"sub":"` + machineC + `"}`) },
		"a folded claim":            func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"ſub":"` + machineC + `"}`) },
		"claims too deep":           func(g *m2m.Grant) { g.Claims = m2m.Claims(`{"a":[[[[[[[[]]]]]]]]}`) },
	} {
		t.Run(name, func(t *testing.T) {
			g := goodGrant()
			change(&g)
			minted, err := modeAt(start).Mint(context.Background(), g)
			if err == nil || minted.Bearer != "" {
				t.Fatalf("minted %s", minted.Bearer.Reveal())
			}
			if errors.Is(err, m2m.ErrRefused) || errors.Is(err, m2m.ErrTooLarge) {
				t.Errorf("the caller's fault reads as an answer about a token: %v", err)
			}
		})
	}
}

func TestMintTakesNullAndEmptyClaimsAlike(t *testing.T) {
	for _, claims := range []m2m.Claims{nil, {}, m2m.Claims(`{}`)} {
		g := goodGrant()
		g.Claims = claims
		got, err := verifierAt(t, start, 0).Verify(mint(t, g), machineB)
		if err != nil || got.Grant.Claims != nil {
			t.Errorf("claims %q: %q, %v", claims, got.Grant.Claims, err)
		}
	}
}

func TestMintWithoutASigningKeyCannotTell(t *testing.T) {
	r := newRing()
	r.err = m2m.ErrUnavailable
	m := New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(start)})
	if got, err := m.Mint(context.Background(), goodGrant()); !errors.Is(err, m2m.ErrUnavailable) || got.Bearer != "" {
		t.Errorf("minted %q, %v", got.Bearer.Reveal(), err)
	}
	r = newRing()
	r.kid = `","alg":"none`
	if got, err := New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(start)}).Mint(context.Background(), goodGrant()); err == nil {
		t.Errorf("minted under a kid that breaks out: %q", got.Bearer.Reveal())
	}
}

// Doubt denies: a mode whose issuer cannot be one mints nothing and believes nothing.
func TestAModeWithoutAnIssuerDoesNothing(t *testing.T) {
	r := newRing()
	for _, iss := range []string{"", `"`, "https://a b"} {
		m := New(Deps{Issuer: iss, Signer: r, PublicKeys: r, Now: at(start)})
		if got, err := m.Mint(context.Background(), goodGrant()); err == nil {
			t.Errorf("issuer %q mints %q", iss, got.Bearer.Reveal())
		}
		text, err := json.Marshal(iss)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Read(context.Background(), r.sign(goodHeader, instead("iss", string(text))), time.Time{}); iss == "" && !errors.Is(err, m2m.ErrRefused) {
			t.Errorf("issuer %q reads %v, %v", iss, got, err)
		}
	}
}

// R26, R30: the issuer asks for no receiver, because its database applies the scope rule, and it forgives the skew of replicas at the
// beginning of a life only.
func TestReadGivesWhatTheDatabaseFindsItBy(t *testing.T) {
	token := mint(t, goodGrant())
	want := m2m.Presented{Format: m2m.JWT, ID: tokenID, KeyID: testKid}
	for _, c := range []struct {
		at   int64
		good bool
	}{{start, true}, {start - 5, true}, {start - 6, false}, {start + life - 1, true}, {start + life, false}} {
		got, err := modeAt(c.at).Read(context.Background(), token, time.Time{})
		if c.good && (err != nil || !cmp.Equal(got, want)) {
			t.Errorf("at %+d: %+v, %v", c.at-start, got, err)
		}
		if !c.good && (!errors.Is(err, m2m.ErrRefused) || got != m2m.Presented{}) {
			t.Errorf("at %+d: %+v, %v; want refused", c.at-start, got, err)
		}
	}
	nobody := goodGrant()
	nobody.Scopes = nil
	if _, err := modeAt(start).Read(context.Background(), mint(t, nobody), time.Time{}); err != nil {
		t.Errorf("a token without scopes: %v", err)
	}
}

// I6: a kid that is not known is looked for before the token is refused; when that is not possible, the token is neither good nor bad.
func TestReadLooksForAnUnknownKey(t *testing.T) {
	r := newRing()
	var asked []m2m.KeyID
	var answer func() error
	moment := time.Unix(start-1, 0)
	m := New(Deps{Issuer: issuer, Signer: r, PublicKeys: r, Now: at(start), Recheck: func(_ context.Context, kid m2m.KeyID, at time.Time) error {
		if at != moment {
			t.Errorf("asked at %s, looked for as of %s", moment, at)
		}
		asked = append(asked, kid)
		return answer()
	}})
	minted, err := m.Mint(t.Context(), goodGrant())
	if err != nil {
		t.Fatal(err)
	}
	public := r.public
	for _, c := range []struct {
		name   string
		answer func() error
		want   error
	}{
		{"it is found", func() error { r.public = public; return nil }, nil},
		{"there is none", func() error { return nil }, m2m.ErrRefused},
		{"cannot tell", func() error { return m2m.ErrUnavailable }, m2m.ErrUnavailable},
	} {
		r.public, asked, answer = nil, nil, c.answer
		got, err := m.Read(t.Context(), minted.Bearer, moment)
		if !errors.Is(err, c.want) || !errors.Is(c.want, m2m.ErrRefused) && errors.Is(err, m2m.ErrRefused) || (err == nil) != (got.ID == tokenID) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if !slices.Equal(asked, []m2m.KeyID{testKid}) {
			t.Errorf("%s: looked for %v", c.name, asked)
		}
	}
	r.public, asked = public, nil
	forged := []byte(minted.Bearer)
	forged[len(forged)-10] ^= 1
	for _, token := range []secret.Text{minted.Bearer, secret.Text(forged), "a.b.c"} {
		_, _ = m.Read(t.Context(), token, moment)
	}
	if len(asked) != 0 {
		t.Errorf("looked for %v, which is known or nothing", asked)
	}
}
