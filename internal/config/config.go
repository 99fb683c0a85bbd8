package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

// Prefix stands before the name of every setting.
const Prefix = "DUALMINT_"

// Config is every setting, parsed. Tags: env is the name without Prefix, envDefault the default, doc the line of the
// documents, shown what they show as the default where that is a rule and not a value.
type Config struct {
	Addr           string         `env:"ADDR"            envDefault:"127.0.0.1:8080" doc:"listen address, host:port"`
	Issuer         string         `env:"ISSUER"          shown:"http:// + address"   doc:"public base URL: the iss of JWTs; required with PostgreSQL, a wildcard address or port 0; recorded at first start, another one is refused afterwards"`
	TrustedProxies []AddressRange `env:"TRUSTED_PROXIES" shown:"none"                doc:"addresses or CIDR ranges, comma-separated, whose X-Forwarded-For is believed"`
	ShutdownGrace  time.Duration  `env:"SHUTDOWN_GRACE"  envDefault:"20s"            doc:"how long requests under way may take to finish after SIGTERM"`

	DatabaseURL     secret.Text `env:"DATABASE_URL"   envDefault:"sqlite:data/dualmint.db" doc:"sqlite:PATH or postgres://..."`
	DatabaseURLFile string      `env:"DATABASE_URL_FILE" shown:"none"                      doc:"file that holds the database's URL instead, for one with a password"`
	DatabaseConns   int         `env:"DATABASE_CONNS" envDefault:"20"                      doc:"size of the connection pool of each replica on PostgreSQL, 2 to 1000"`
	Migrate         Switch      `env:"MIGRATE"        envDefault:"on"                      doc:"on: serve brings the schema up to date at start; off: only \"dualmint migrate up\" does"`

	MasterKey     secret.Text `env:"MASTER_KEY"      shown:"SQLite: made at first start" doc:"base64 keys of 32 bytes, comma-separated: the first seals, all open; required with PostgreSQL"`
	MasterKeyFile string      `env:"MASTER_KEY_FILE" shown:"PATH.master-key"             doc:"file that holds the master keys instead"`
	SecretKey     secret.Text `env:"SECRET_KEY"      shown:"SQLite: made at first start" doc:"instance secret key, sk_ and at least 32 characters: administers everything; changing it retires the old one; required with PostgreSQL"`
	SecretKeyFile string      `env:"SECRET_KEY_FILE" shown:"PATH.secret-key"             doc:"file that holds the instance secret key instead"`

	ScopeCheck  m2m.ScopeRule `env:"SCOPE_CHECK"  envDefault:"live" doc:"live: a removed scope is taken from every live token at once; snapshot: tokens keep the scopes of their creation; a scope that is given back revives the tokens it was taken from: to end one for good, revoke it"`
	JWTMaxTTL   time.Duration `env:"JWT_MAX_TTL"  envDefault:"24h"  doc:"longest life of a JWT"`
	KeyRotation time.Duration `env:"KEY_ROTATION" envDefault:"720h" doc:"how long a signing key signs"`
	KeyRefresh  time.Duration `env:"KEY_REFRESH"  envDefault:"10s"  doc:"how often each replica looks at the signing keys; one that could not for three times as long stops publishing and signing"`
	JWKSMaxAge  time.Duration `env:"JWKS_MAX_AGE" envDefault:"10m" doc:"how long clients may keep the published key set"`

	Writers           int    `env:"WRITERS"             envDefault:"2"     doc:"how many batches of verifications are under way at once, 1 to 4"`
	Grouping          Switch `env:"GROUPING"         envDefault:"on"    doc:"on: requests that arrive while a transaction is under way share the next one; off: a transaction for each request, to measure against"`
	RatePerCredential int    `env:"RATE_PER_CREDENTIAL" envDefault:"20000" doc:"requests a second per credential and replica; 0: no limit"`
	RatePerAddress    int    `env:"RATE_PER_ADDRESS"    envDefault:"50000" doc:"requests a second per client address (IPv6: /64 network) and replica; 0: no limit"`

	Prices     string `env:"PRICES"     envDefault:"create=0.001 verify=0.0001" doc:"dollars a creation and a successful verification of an opaque token; later prices with their date: create=0.001 verify=0.0001; 2027-01-01 verify=0.00008"`
	Allowances string `env:"ALLOWANCES" shown:"none"                             doc:"free operations a month, written like prices: create=2500 verify=100000"`

	Dashboard Switch `env:"DASHBOARD" envDefault:"on" doc:"on: the browser pages under /dashboard are served; off: they are not"`

	LogLevel    LogLevel  `env:"LOG_LEVEL"    envDefault:"info" doc:"debug, info, warn or error"`
	LogFormat   LogFormat `env:"LOG_FORMAT"   envDefault:"text" doc:"text or json"`
	LogRequests Switch    `env:"LOG_REQUESTS" envDefault:"on"   doc:"on: one line per request; off: only those that were answered with a 5xx"`
	DebugAddr   string    `env:"DEBUG_ADDR"   shown:"none"      doc:"host:port of a listener of its own for profiles (/debug/pprof/), to be a loopback one; none: there is no such listener"`

	URL                  string      `env:"URL"                     shown:"http:// + address" doc:"command line: the instance to speak to"`
	MachineSecretKey     secret.Text `env:"MACHINE_SECRET_KEY"      shown:"none"              doc:"command line: the machine to act as, for tokens create and verify"`
	MachineSecretKeyFile string      `env:"MACHINE_SECRET_KEY_FILE" shown:"none"              doc:"file that holds the machine secret instead"`
}

// Proxies are the trusted proxies.
func (c *Config) Proxies() []netip.Prefix {
	out := make([]netip.Prefix, len(c.TrustedProxies))
	for i, r := range c.TrustedProxies {
		out[i] = r.Prefix
	}
	return out
}

// AddressRange is a CIDR range, or one address.
type AddressRange struct{ netip.Prefix }

// UnmarshalText accepts both.
func (r *AddressRange) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if a, err := netip.ParseAddr(text); err == nil {
		r.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return errors.New("must be addresses or CIDR ranges, separated by commas")
	}
	r.Prefix = p
	return nil
}

// Switch is a setting that is on or off.
type Switch bool

// UnmarshalText accepts on and off.
func (s *Switch) UnmarshalText(b []byte) error {
	return choose(string(b), map[string]Switch{"on": true, "off": false}, s, "on or off")
}

// LogLevel is from which level on log lines are written.
type LogLevel slog.Level

// Level satisfies slog.Leveler.
func (l LogLevel) Level() slog.Level { return slog.Level(l) }

// UnmarshalText accepts the four levels by name. The parser of slog.Level would take more, and its error is not for people.
func (l *LogLevel) UnmarshalText(b []byte) error {
	return choose(strings.ToLower(string(b)), map[string]LogLevel{
		"debug": LogLevel(slog.LevelDebug), "info": LogLevel(slog.LevelInfo), "warn": LogLevel(slog.LevelWarn), "error": LogLevel(slog.LevelError),
	}, l, "debug, info, warn or error")
}

// LogFormat is how log lines are written.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText accepts text and json.
func (f *LogFormat) UnmarshalText(b []byte) error {
	return choose(string(b), map[string]LogFormat{"text": LogText, "json": LogJSON}, f, "text or json")
}
