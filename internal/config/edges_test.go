package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/secret"
)

func TestTrustedProxiesAreAddressesOrRanges(t *testing.T) {
	c, err := config.Load([]string{"DUALMINT_TRUSTED_PROXIES=127.0.0.1, ::1,10.0.0.0/8"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}
	if got := c.Proxies(); !slices.Equal(got, want) {
		t.Errorf("proxies %v, want %v", got, want)
	}
}

// A setting may be hidden behind a name that is misspelt, or in a .env that cannot be read: no command goes on with a guess.
func TestNoCommandGoesOnWithSettingsItCouldNotRead(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, ".env"), []byte("DUALMINT_DATABASE_URL=postgres://x@db/prod\nwhat is this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		dir     string
	}{
		"broken .env":     {[]string{"HOME=/x", "SECRET_FOO=1"}, broken},
		"unreadable .env": {[]string{"HOME=/x", "SECRET_FOO=1"}, unreadable},
		"misspelt name":   {[]string{"HOME=/x", "SECRET_FOO=1", "DUALMINT_DATABASEURL=postgres://x@db/prod"}, t.TempDir()},
	} {
		_, server := config.Load(c.environ, c.dir)
		_, database := config.LoadDatabase(c.environ, c.dir)
		_, client := config.LoadClient(c.environ, c.dir)
		for who, err := range map[string]error{"Load": server, "LoadDatabase": database, "LoadClient": client} {
			if err == nil {
				t.Errorf("%s: %s goes on", name, who)
				continue
			}
			if strings.Contains(err.Error(), "HOME") || strings.Contains(err.Error(), "FOO") {
				t.Errorf("%s: %s accuses other programs' variables: %v", name, who, err)
			}
		}
	}
}

func TestTwoFirstStartsAgreeOnTheKeys(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		var keys [8][2]secret.Text
		var starts sync.WaitGroup
		for i := range keys {
			starts.Go(func() {
				c, err := config.Load(nil, dir)
				if err == nil {
					_, err = c.EnsureKeys()
				}
				if err != nil {
					t.Errorf("a first start beside others: %v", err)
				}
				keys[i] = [2]secret.Text{c.MasterKey, c.SecretKey}
			})
		}
		starts.Wait()
		for _, k := range keys {
			if k != keys[0] || k[0] == "" || k[1] == "" {
				t.Fatal("two first starts have different keys")
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, "data", "*.new-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}
