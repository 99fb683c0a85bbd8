package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	jwtmode "github.com/dualmint/dualmint/internal/jwt"
	issuerkeys "github.com/dualmint/dualmint/internal/keys"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Accept says which kinds of token a Verifier takes. The zero value takes both.
type Accept int

// The choices.
const (
	// Both takes opaque tokens and JWTs.
	Both Accept = iota
	// JWTOnly takes JWTs and never asks the issuer about a token.
	JWTOnly
	// OpaqueOnly takes opaque tokens.
	OpaqueOnly
	// JWTAskIssuer takes JWTs that verify offline and asks the issuer about each whether it was revoked and its scope still stands.
	JWTAskIssuer
	// BothAskIssuer is Both, with JWTs treated as by JWTAskIssuer.
	BothAskIssuer
)

// Config says whom to trust and who we are. Issuer and Machine are required; Secret is, unless Accept is JWTOnly.
type Config struct {
	// Issuer is the issuer's URL, exactly as its JWTs say it in iss. Everything is fetched from under it.
	Issuer string
	// Machine is the id of the machine that receives: the audience of JWTs must contain it.
	Machine string
	// Secret is that machine's secret key, with which it asks the issuer about opaque tokens.
	Secret string
	// Accept restricts the kinds of token.
	Accept Accept
	// Leeway forgives the clock of the issuer, 0 to one minute.
	Leeway time.Duration
	// MaxStale is how long the last good key set is used when no newer one can be had: 24 hours unless set. After it, JWTs are
	// ErrUnavailable. While the issuer cannot be reached it is also how long a compromised key may still be trusted.
	MaxStale time.Duration
	// Timeout bounds each request to the issuer: 5 seconds unless set.
	Timeout time.Duration
	// Remember is how many verified JWTs are kept in memory: 10,000 unless set, none if negative.
	Remember int
	// HTTPClient is used for requests to the issuer; its redirect policy and timeout are replaced. Nil: a client of the Verifier's own.
	HTTPClient *http.Client
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// Format prints everything but the secret, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "verify.Config{Issuer: %q, Machine: %q, Secret: [secret]}", c.Issuer, c.Machine)
}

const (
	defaultMaxStale = issuerkeys.MaxStale
	defaultTimeout  = 5 * time.Second
	defaultRemember = 10_000
)

func (c Config) jwt() bool { return c.Accept != OpaqueOnly }
func (c Config) opaque() bool {
	return c.Accept == Both || c.Accept == OpaqueOnly || c.Accept == BothAskIssuer
}
func (c Config) ask() bool { return c.Accept == JWTAskIssuer || c.Accept == BothAskIssuer }

// complete fills in the defaults and refuses what would leave a check out.
func (c Config) complete() (Config, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(c.Issuer, "/") {
		return c, errors.New("verify: Issuer must be an http or https URL without query, fragment, user and trailing slash, as the issuer itself says it")
	}
	if _, ok := m2m.ParseMachineID(c.Machine); !ok {
		return c, errors.New("verify: Machine must be the id of the receiving machine (mch_...)")
	}
	if c.Accept < Both || c.Accept > BothAskIssuer {
		return c, errors.New("verify: no such Accept")
	}
	if c.Accept != JWTOnly && !secret.WellFormed(secret.MachineSecret, c.Secret) {
		return c, errors.New("verify: Secret must be the machine's secret key (ak_...), for every Accept but JWTOnly")
	}
	if c.Leeway < 0 || c.Leeway > jwtmode.MaxLeeway {
		return c, fmt.Errorf("verify: Leeway must be between 0 and %s", jwtmode.MaxLeeway)
	}
	if c.MaxStale < 0 || c.Timeout < 0 {
		return c, errors.New("verify: MaxStale and Timeout must not be negative")
	}
	if c.MaxStale == 0 {
		c.MaxStale = defaultMaxStale
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Remember == 0 {
		c.Remember = defaultRemember
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // a public package has no cmd above it that could pass the clock
	}
	c.HTTPClient = confined(c.HTTPClient, c.Timeout)
	return c, nil
}

// confined is the client without redirects: what we ask and whom we show our secret to is in the configuration and nowhere else (R32).
func confined(given *http.Client, timeout time.Duration) *http.Client {
	client := http.Client{}
	if given != nil {
		client = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = 16
		t.MaxResponseHeaderBytes = 64 << 10 // no answer of the issuer has more, and ten megabytes would be read otherwise
		client.Transport = t
	}
	client.Timeout = timeout
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func (c Config) address(path string) string { return strings.TrimSuffix(c.Issuer, "/") + path }
