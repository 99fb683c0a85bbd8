package verifytest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	"github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/verify"
)

// The machines of the tests: Receiver is the service under test, Caller calls it, Stranger is somebody else.
const (
	Receiver = "mch_verifytestreceiver000000000"
	Caller   = "mch_verifytestcaller00000000000"
	Stranger = "mch_verifyteststranger000000000"
)

// Token says what a token is to say. The zero Token is a good one: from Caller, for Receiver, for an hour.
type Token struct {
	Machine string        // who calls; empty: Caller
	Scopes  []string      // whom it may call; nil: Receiver
	Claims  any           // encoded as JSON; nil: none
	Life    time.Duration // from now; 0: one hour; negative: expired since then
}

// Expired is a token that is not good any more.
func Expired() Token { return Token{Life: -time.Hour} }

// ForStranger is a token that Receiver may not use.
func ForStranger() Token { return Token{Scopes: []string{Stranger}} }

// Issuer is a running issuer. Safe for concurrent use.
type Issuer struct {
	URL    string // the issuer of its JWTs, and where it listens
	server *httptest.Server
	fail   func(format string, args ...any)
	secret secret.Text // the receiver's
	caller secret.Text
	mode   m2m.Mode

	mu      sync.Mutex // guards what follows
	kid     m2m.KeyID
	key     ed25519.PrivateKey
	opaque  map[string]m2m.Grant
	jwts    map[string]m2m.Grant
	revoked map[string]bool
	down    bool
	fetches int
	batches int
}

// NewIssuer starts an issuer that ends with the test.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	i := Start()
	tb.Cleanup(i.Close)
	i.fail = tb.Fatalf
	return i
}

// Start starts an issuer for where there is no test, such as an example. Close ends it. What goes wrong is a panic.
func Start() *Issuer {
	i := &Issuer{
		secret: secret.New(secret.MachineSecret), caller: secret.New(secret.MachineSecret), opaque: map[string]m2m.Grant{}, jwts: map[string]m2m.Grant{}, revoked: map[string]bool{},
		fail: func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) },
	}
	i.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", i.serveKeys)
	mux.HandleFunc("POST /v1/m2m_tokens/verify_batch", i.serveVerify)
	mux.HandleFunc("POST /v1/m2m_tokens", i.serveCreate)
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	i.mode = jwtmode.New(jwtmode.Deps{Issuer: i.URL, Signer: signing{i}, PublicKeys: signing{i}, Now: time.Now}) //nolint:forbidigo // a test's issuer has the real clock
	return i
}

// Rotate replaces the signing key. The old one is no longer published: what it signed is refused once a verifier has seen the new set.
func (i *Issuer) Rotate() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		i.fail("make a signing key: %v", err)
	}
	kid, err := keys.Thumbprint(public)
	if err != nil {
		i.fail("name the signing key: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kid, i.key = kid, private
}

// Close ends the issuer.
func (i *Issuer) Close() { i.server.Close() }

// Config is what the service under test passes to verify.New.
func (i *Issuer) Config() verify.Config {
	return verify.Config{Issuer: i.URL, Machine: Receiver, Secret: i.secret.Reveal()}
}

// CallerSecret is Caller's secret key, with which package client gets tokens here: opaque ones by default, for Receiver, for an hour.
func (i *Issuer) CallerSecret() string { return i.caller.Reveal() }

// JWT mints a JWT.
func (i *Issuer) JWT(t Token) string {
	g := i.grant(t)
	minted, err := i.mode.Mint(context.Background(), g)
	if err != nil {
		i.fail("mint a JWT: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.jwts[minted.Bearer.Reveal()] = g
	return minted.Bearer.Reveal()
}

// Opaque mints an opaque token.
func (i *Issuer) Opaque(t Token) string {
	bearer := secret.New(secret.OpaqueToken).Reveal()
	g := i.grant(t)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.opaque[bearer] = g
	return bearer
}

// Sign makes a token of any header and payload, signed with the issuer's key: what no issuer would mint, for whoever wants to see it
// refused.
func (i *Issuer) Sign(header, payload string) string {
	_, key, _ := signing{i}.Signer(context.Background()) // has no error
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
}

// Forged is a JWT that says what JWT(t) says, signed with another key under this issuer's kid.
func (i *Issuer) Forged(t Token) string {
	good := i.JWT(t)
	signed := good[:strings.LastIndexByte(good, '.')]
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		i.fail("make another key: %v", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(other, []byte(signed)))
}

// Revoke makes every online check refuse the token from now on.
func (i *Issuer) Revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revoked[token] = true
}

// SetDown makes the issuer answer 503 to everything, or work again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Asked tells how often the key set was fetched, and how many calls about tokens came.
func (i *Issuer) Asked() (keySet, tokens int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches, i.batches
}

func (i *Issuer) grant(t Token) m2m.Grant {
	now := time.Now().UTC() //nolint:forbidigo // a test's issuer has the real clock
	g := m2m.Grant{ID: m2m.NewTokenID(), Machine: m2m.MachineID(orElse(t.Machine, Caller)), Scopes: m2m.Scopes{Receiver}}
	if t.Scopes != nil {
		g.Scopes = m2m.Scopes{}
		for _, s := range t.Scopes {
			g.Scopes = append(g.Scopes, m2m.MachineID(s))
		}
	}
	if t.Claims != nil {
		text, err := json.Marshal(t.Claims)
		if err != nil {
			i.fail("encode claims: %v", err)
		}
		g.Claims = text
	}
	if t.Life == 0 {
		t.Life = time.Hour
	}
	g.IssuedAt = now.Add(min(0, 2*t.Life)).Truncate(time.Second)
	g.ExpiresAt = now.Add(t.Life).Truncate(time.Second)
	return g
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
