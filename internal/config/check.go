package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
)

const minSecretKeyLength = len(secret.InstanceKey) + 32

// check judges what was parsed, and fills in the issuer where it follows from the address.
func (c *Config) check() SettingsError {
	var f faultList
	host, port := c.checkAddr(&f)
	c.checkDatabase(&f)
	c.checkIssuer(&f, host, port)
	c.checkKeys(&f)

	if c.DebugAddr != "" {
		f.unless(isHostPort(c.DebugAddr), "DEBUG_ADDR", "must be host:port")
	}
	f.unless(c.DatabaseConns >= 2 && c.DatabaseConns <= 1000, "DATABASE_CONNS", "must be 2 to 1000")
	f.unless(c.Writers >= 1 && c.Writers <= 4, "WRITERS", "must be 1 to 4")
	f.unless(c.RatePerCredential >= 0, "RATE_PER_CREDENTIAL", "must not be negative")
	f.unless(c.RatePerAddress >= 0, "RATE_PER_ADDRESS", "must not be negative")
	f.unless(seconds(c.JWTMaxTTL, time.Second, m2m.MaxTTL), "JWT_MAX_TTL", "must be whole seconds, from 1s to ten years")
	f.unless(seconds(c.KeyRotation, time.Hour, m2m.MaxTTL), "KEY_ROTATION", "must be whole seconds, from 1h to ten years")
	f.unless(c.KeyRefresh >= 100*time.Millisecond && c.KeyRefresh <= 10*time.Minute, "KEY_REFRESH", "must be 100ms to 10m")
	f.unless(seconds(c.JWKSMaxAge, time.Second, 24*time.Hour), "JWKS_MAX_AGE", "must be whole seconds, from 1s to 24h")
	f.unless(c.ShutdownGrace >= 0 && c.ShutdownGrace <= time.Hour, "SHUTDOWN_GRACE", "must be 0s to 1h")
	return SettingsError(f)
}

type faultList SettingsError

func (f *faultList) add(name, message string) { *f = append(*f, Fault{Prefix + name, message}) }

func (f *faultList) unless(holds bool, name, message string) {
	if !holds {
		f.add(name, message)
	}
}

func seconds(d, low, high time.Duration) bool {
	return d >= low && d <= high && d%time.Second == 0
}

func (c *Config) checkAddr(f *faultList) (host, port string) {
	if !isHostPort(c.Addr) {
		f.add("ADDR", "must be host:port")
		return "", ""
	}
	host, port, _ = net.SplitHostPort(c.Addr)
	return host, port
}

func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

func (c *Config) checkDatabase(f *faultList) {
	if path, ok := c.SQLitePath(); ok {
		f.unless(path != "" && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "?#\x00"),
			"DATABASE_URL", "must be sqlite:PATH, without // and without parameters")
		return
	}
	if c.DatabaseURL == "" {
		return // its file could not be read
	}
	if !c.onPostgres() {
		f.add("DATABASE_URL", "must be sqlite:PATH or postgres://...")
		return
	}
	// The URL may carry a password: the parser's message would repeat it.
	u, err := url.Parse(c.DatabaseURL.Reveal())
	f.unless(err == nil && u.Fragment == "", "DATABASE_URL",
		"is no URL that can be read: in the password, % is written %25, # is %23, / is %2F, ? is %3F and @ is %40")
}

// onPostgres tells whether the database is a PostgreSQL server, as far as the setting can be read.
func (c *Config) onPostgres() bool {
	url := c.DatabaseURL.Reveal()
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func (c *Config) checkIssuer(f *faultList, host, port string) {
	if c.Issuer != "" {
		f.unless(isBaseURL(c.Issuer), "ISSUER", "must be an absolute http or https URL without query, fragment, user or trailing slash")
		return
	}
	ip, _ := netip.ParseAddr(host)
	switch {
	case c.onPostgres():
		f.add("ISSUER", "is required with PostgreSQL, so that all replicas have the same")
	case port == "": // the address is at fault
	case host == "" || ip.IsUnspecified():
		f.add("ISSUER", "is required with a wildcard address: clients cannot reach http://"+c.Addr)
	case port == "0":
		f.add("ISSUER", "is required with port 0: the address is another at every start")
	default:
		c.Issuer = "http://" + c.Addr
	}
}

func isBaseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(s, "?#") && !strings.HasSuffix(s, "/") && u.String() == s
}

// checkKeys asks for the two keys on PostgreSQL; on SQLite EnsureKeys makes them.
func (c *Config) checkKeys(f *faultList) {
	if c.MasterKey != "" {
		if _, err := secret.NewSealer(c.MasterKey); err != nil {
			f.add("MASTER_KEY", "does not hold: "+err.Error())
		}
	} else if c.onPostgres() && c.MasterKeyFile == "" {
		f.add("MASTER_KEY", "or "+Prefix+"MASTER_KEY_FILE is required with PostgreSQL")
	}
	if c.SecretKey != "" {
		f.unless(isSecretKey(c.SecretKey), "SECRET_KEY", "must be sk_ and at least 32 visible characters")
	} else if c.onPostgres() && c.SecretKeyFile == "" {
		f.add("SECRET_KEY", "or "+Prefix+"SECRET_KEY_FILE is required with PostgreSQL")
	}
}

func isSecretKey(k secret.Text) bool {
	s := k.Reveal()
	return strings.HasPrefix(s, string(secret.InstanceKey)) && len(s) >= minSecretKeyLength && secret.Presentable(s, secret.MaxLength)
}
