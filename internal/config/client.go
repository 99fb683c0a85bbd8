package config

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"

	"github.com/dualmint/dualmint/internal/secret"
)

// Client is what a command needs to speak to an instance.
type Client struct {
	URL              string // base URL without trailing slash
	Issuer           string // what the instance calls itself: the setting, else URL
	SecretKey        secret.Text
	MachineSecretKey secret.Text
	NoSecretKey      error // why the key file of the local instance was not read, although it may be there; nil: there is none
}

// LoadClient reads the settings of the command line from the same sources as Load. Without DUALMINT_SECRET_KEY it takes the
// key file beside the local SQLite database, but never for an instance that is not on this machine.
func LoadClient(environ []string, dir string) (Client, error) {
	c, faults := read(environ, dir)
	faults = faults.about("URL", "SECRET_KEY", "SECRET_KEY_FILE", "MACHINE_SECRET_KEY", "MACHINE_SECRET_KEY_FILE", "ISSUER", "ADDR")
	out := Client{URL: c.URL, Issuer: c.Issuer, SecretKey: c.SecretKey, MachineSecretKey: c.MachineSecretKey}
	if out.URL == "" {
		out.URL = "http://" + Reachable(c.Addr)
	}
	if !isBaseURL(out.URL) {
		faults = append(faults, Fault{Prefix + "URL", "must be an absolute http or https URL without query, fragment or trailing slash"})
	}
	if out.Issuer == "" {
		out.Issuer = out.URL
	}
	if path, embedded := c.SQLitePath(); embedded && out.SecretKey == "" && isLocal(out.URL) {
		// No file, no key: the command that needs one says so.
		var err error
		if out.SecretKey, err = readKey(path + secretKeySuffix); !errors.Is(err, fs.ErrNotExist) {
			out.NoSecretKey = err
		}
	}
	return out, faults.orNil()
}

// Reachable replaces a wildcard listen address with one that can be dialled.
func Reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func isLocal(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}
