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
	// HTTPClient is used for requests to the issuer; its redirect policy is replaced, and a timeout of 5 seconds set if it has none. Nil: a
	// client of the Source's own.
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
	// How long nobody asks again after a renewal that failed for good, or that only a refusal by a receiver asked for.
	pauseAfterFailure = time.Second
	pauseAfterRefusal = 10 * time.Second
	// A token is renewed when a fifth of its life is left, and at the latest a minute before its end.
	renewFraction = 5
	maxEarly      = time.Minute
)

// Source gives the machine's token. Safe for concurrent use.
type Source struct {
	config  Config
	address string

	mu      sync.Mutex // guards what follows
	held    token
	flight  *flight   // the renewal under way, or nil
	resume  time.Time // no renewal begins before it
	failed  error     // why
	refused time.Time // when a token was last given up because a receiver refused it
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
	c.HTTPClient = confined(c.HTTPClient)
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // a public package has no cmd above it that could pass the clock
	}
	return &Source{config: c, address: strings.TrimSuffix(c.Issuer, "/") + "/v1/m2m_tokens"}, nil
}

// confined is the client without redirects: the secret is shown to the configured address and to no other.
func confined(given *http.Client) *http.Client {
	client := http.Client{}
	if given != nil {
		client = *given
	}
	if client.Timeout == 0 {
		client.Timeout = requestTimeout
	}
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Token gives a token that lives: the one that is held, or a new one. A token that is due for renewal is still given while the renewal
// is under way in the background of the first caller that finds it so, as long as it lives. ErrRejected: trying again does not help. After
// a renewal that failed, the next one begins a second later, or when the issuer said; until then the same error is given.
func (s *Source) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	now, held := s.config.Now(), s.held
	if held.bearer != "" && (held.renewAt.IsZero() || now.Before(held.renewAt)) {
		s.mu.Unlock()
		return held.bearer, nil
	}
	f, failed := s.renew(ctx, now)
	s.mu.Unlock()
	if held.bearer != "" && now.Before(held.ends) {
		return held.bearer, nil
	}
	if f == nil {
		return "", failed
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

// giveUp is Discard for refusals that nobody has looked into: a receiver that refuses whatever it is shown gets a new token, which costs
// something, only so often. It tells whether another one can be had.
func (s *Source) giveUp(bearer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.bearer != bearer {
		return true
	}
	now := s.config.Now()
	if now.Before(s.refused.Add(pauseAfterRefusal)) {
		return false
	}
	s.held, s.refused = token{}, now
	return true
}

// renew begins a renewal, or joins the one under way. It lives on when its caller leaves: others wait for it too. Without a flight, it is
// too early for one, because of this error. The caller holds mu.
func (s *Source) renew(ctx context.Context, now time.Time) (*flight, error) {
	if s.flight != nil {
		return s.flight, nil
	}
	if now.Before(s.resume) {
		return nil, s.failed
	}
	f := &flight{ended: make(chan struct{})}
	s.flight = f
	alive := context.WithoutCancel(ctx)
	go func() {
		got, wait, err := s.fetch(alive)
		s.mu.Lock()
		if err == nil {
			s.held = got
		} else {
			s.resume, s.failed = s.config.Now().Add(max(wait, pauseAfterFailure)), err
		}
		s.flight, f.token, f.err = nil, got, err
		s.mu.Unlock()
		close(f.ended)
	}()
	return f, nil
}
