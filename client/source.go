package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrRejected means that the issuer will not give a token for this configuration, whatever is tried again: the secret is not accepted, or
// what is asked for is not allowed.
var ErrRejected = errors.New("the issuer rejects the request")

// Config says which machine asks, and for what. Issuer and Secret are required.
type Config struct {
	// Issuer is the issuer's URL.
	Issuer string
	// Secret is the machine's secret key (ak_...).
	Secret string
	// TokenFormat is "opaque" or "jwt"; empty: the machine's default.
	TokenFormat string
	// Life is how long each token is to live; 0: the machine's default.
	Life time.Duration
	// Claims are custom claims, encoded as a JSON object; nil: none.
	Claims any
	// Attempts bounds how often one renewal tries while the issuer is in trouble: 4 unless set.
	Attempts int
	// HTTPClient is used for requests to the issuer; nil: one of the Source's own with a timeout of 5 seconds.
	HTTPClient *http.Client
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// Format prints everything but the secret, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "client.Config{Issuer: %q, Secret: [secret]}", c.Issuer)
}

const (
	defaultAttempts = 4
	requestTimeout  = 5 * time.Second
	// A token is renewed when a fifth of its life is left, and at the latest a minute before its end.
	renewFraction = 5
	maxEarly      = time.Minute
)

// Source gives the machine's token. Safe for concurrent use.
type Source struct {
	config  Config
	address string

	mu     sync.Mutex // guards what follows
	held   token
	flight *flight // the renewal under way, or nil
}

type token struct {
	bearer  string
	renewAt time.Time // zero: never
	ends    time.Time // zero: never
}

type flight struct {
	ended chan struct{}
	token token // read after ended
	err   error
}

// Format prints where its tokens come from, and no credential, whatever the verb.
func (s *Source) Format(f fmt.State, verb rune) { s.config.Format(f, verb) }

// New makes a Source. It makes no request yet.
func New(c Config) (*Source, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("client: Issuer must be an http or https URL")
	}
	if !strings.HasPrefix(c.Secret, "ak_") {
		return nil, errors.New("client: Secret must be a machine's secret key (ak_...)")
	}
	if c.TokenFormat != "" && c.TokenFormat != "opaque" && c.TokenFormat != "jwt" {
		return nil, errors.New(`client: TokenFormat must be "opaque", "jwt" or empty`)
	}
	if c.Life < 0 || c.Attempts < 0 {
		return nil, errors.New("client: Life and Attempts must not be negative")
	}
	if c.Attempts == 0 {
		c.Attempts = defaultAttempts
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{
			Timeout: requestTimeout,
			// The secret is shown to the configured address and to no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // a public package has no cmd above it that could pass the clock
	}
	return &Source{config: c, address: strings.TrimSuffix(c.Issuer, "/") + "/v1/m2m_tokens"}, nil
}

// Token gives a token that lives: the one that is held, or a new one. A token that is due for renewal is still given while the renewal
// is under way in the background of the first caller that finds it so, as long as it lives. ErrRejected: trying again does not help.
func (s *Source) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	now, held := s.config.Now(), s.held
	if held.bearer != "" && (held.renewAt.IsZero() || now.Before(held.renewAt)) {
		s.mu.Unlock()
		return held.bearer, nil
	}
	f := s.renew(ctx)
	s.mu.Unlock()
	if held.bearer != "" && now.Before(held.ends) {
		return held.bearer, nil
	}
	select {
	case <-f.ended:
		return f.token.bearer, f.err
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token: %w", ctx.Err())
	}
}

// Discard forgets a token that a receiver has refused, so that the next call gets a new one. Another token that is held by now stays.
func (s *Source) Discard(bearer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.bearer == bearer {
		s.held = token{}
	}
}

// renew begins a renewal, or joins the one under way. It lives on when its caller leaves: others wait for it too. The caller holds mu.
func (s *Source) renew(ctx context.Context) *flight {
	if s.flight != nil {
		return s.flight
	}
	f := &flight{ended: make(chan struct{})}
	s.flight = f
	alive := context.WithoutCancel(ctx)
	go func() {
		got, err := s.fetch(alive)
		s.mu.Lock()
		if err == nil {
			s.held = got
		}
		s.flight, f.token, f.err = nil, got, err
		s.mu.Unlock()
		close(f.ended)
	}()
	return f
}
