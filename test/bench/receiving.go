package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/MicahParks/keyfunc/v3"
	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/verify"
)

// receivingSide is package verify in this process, in front of the server that answers for everybody, and what else a service could use.
type receivingSide struct {
	f         *fixture
	http      *http.Client // reaches the server under the issuer's name
	keySets   atomic.Int64 // that were fetched with it
	both      *verify.Verifier
	forgetful *verify.Verifier
	token     string // a JWT
	parser    *gojwt.Parser
	keyfunc   keyfunc.Keyfunc
	public    ed25519.PublicKey
	stop      context.CancelFunc
}

func openReceivingSide(ctx context.Context, f *fixture, addr string) (*receivingSide, error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &receivingSide{f: f, stop: stop}
	transport := &http.Transport{
		MaxIdleConnsPerHost: crowdOfCallers,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	r.http = &http.Client{Transport: counting{transport, &r.keySets}}
	var err error
	if r.both, err = r.verifier(0); err != nil { //nolint:contextcheck // it lives until it is closed
		return nil, err
	}
	if r.forgetful, err = r.verifier(-1); err != nil { //nolint:contextcheck // likewise
		return nil, err
	}
	if r.token, err = r.mint(ctx); err != nil {
		return nil, err
	}
	r.parser = gojwt.NewParser(gojwt.WithValidMethods([]string{"EdDSA"}), gojwt.WithIssuer(f.issuer), gojwt.WithAudience(f.ids[0]),
		gojwt.WithExpirationRequired(), gojwt.WithIssuedAt(), gojwt.WithStrictDecoding())
	if r.keyfunc, err = keyfunc.NewDefaultCtx(ctx, []string{"http://" + addr + "/.well-known/jwks.json"}); err != nil {
		return nil, err
	}
	parsed, err := r.parser.Parse(r.token, r.keyfunc.Keyfunc)
	if err != nil {
		return nil, err
	}
	key, err := r.keyfunc.Keyfunc(parsed)
	r.public, _ = key.(ed25519.PublicKey)
	return r, err
}

// verifier is one for the first receiver that remembers so many tokens.
func (r *receivingSide) verifier(remember int) (*verify.Verifier, error) {
	return verify.New(verify.Config{Issuer: r.f.issuer, Machine: r.f.ids[0], Secret: r.f.receiver(0).Reveal(), Remember: remember, HTTPClient: r.http})
}

// close ends it.
func (r *receivingSide) close() error {
	r.stop()
	r.both.Close()
	r.forgetful.Close()
	return nil
}

// mint gets a JWT with a claim from the server.
func (r *receivingSide) mint(ctx context.Context) (string, error) {
	var answer struct {
		Token string `json:"token"`
	}
	body := fmt.Sprintf(`{"token_format":%q,"seconds_until_expiration":3600,"claims":{"order":"42"}}`, m2m.JWT)
	err := r.ask(ctx, "/v1/m2m_tokens", r.f.holders[0].Reveal(), []byte(body), http.StatusCreated, &answer)
	return answer.Token, err
}

// oneCall verifies a token as a service without this package would: with a request of its own, and the standard library.
func (r *receivingSide) oneCall(ctx context.Context, token string) error {
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return err
	}
	var answer struct {
		ID         string          `json:"id"`
		Subject    string          `json:"subject"`
		Claims     json.RawMessage `json:"claims"`
		Scopes     []string        `json:"scopes"`
		Expiration *int64          `json:"expiration"`
		CreatedAt  int64           `json:"created_at"`
	}
	return r.ask(ctx, "/v1/m2m_tokens/verify", r.f.receiver(0).Reveal(), body, http.StatusOK, &answer)
}

func (r *receivingSide) ask(ctx context.Context, path, bearer string, body []byte, status int, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.f.issuer+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return json.Unmarshal(text, answer)
}

// raw is what the mathematics of one signature costs: the floor.
func (r *receivingSide) raw() (func() error, error) {
	cut := strings.LastIndexByte(r.token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(r.token[cut+1:])
	if err != nil {
		return nil, err
	}
	message := []byte(r.token[:cut])
	return func() error {
		if !ed25519.Verify(r.public, message, signature) {
			return errors.New("a good signature is bad")
		}
		return nil
	}, nil
}

// counting counts the requests for key sets.
type counting struct {
	next    http.RoundTripper
	keySets *atomic.Int64
}

// RoundTrip satisfies http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/jwks.json") {
		c.keySets.Add(1)
	}
	return c.next.RoundTrip(r)
}
