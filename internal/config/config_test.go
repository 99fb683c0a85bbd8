package config_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dualmint/dualmint/internal/config"
	"github.com/dualmint/dualmint/internal/m2m"
)

var (
	masterKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("m", 32)))
	secretKey = "sk_" + strings.Repeat("s", 32)
	postgres  = []string{"DUALMINT_DATABASE_URL=postgres://dualmint:hunter2hunter2@db/dualmint"}
)

func TestNothingSetIsALocalInstance(t *testing.T) {
	dir := t.TempDir()
	c, err := config.Load(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.Issuer != "http://127.0.0.1:8080" || !c.Migrate || c.ScopeCheck != m2m.Live ||
		c.JWTMaxTTL != 24*time.Hour || c.Writers != 2 || !c.LogRequests {
		t.Errorf("defaults: %+v", c)
	}
	if path, ok := c.SQLitePath(); !ok || path != filepath.Join(dir, "data", "dualmint.db") {
		t.Errorf("database at %q", path)
	}
}

func TestEveryFaultIsToldAtOnceAndByName(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load([]string{
		"DUALMINT_ADDR=8080",
		"DUALMINT_DATABASE_URL=mysql://u:hunter2hunter2@db/x",
		"DUALMINT_ISSUER=https://issuer.example/",
		"DUALMINT_MASTER_KEY=c2hvcnQ=",
		"DUALMINT_SECRET_KEY=sk_short",
		"DUALMINT_SCOPE_CHECK=lively",
		"DUALMINT_MIGRATE=true",
		"DUALMINT_JWT_MAX_TTL=1.5s",
		"DUALMINT_KEY_ROTATION=soon",
		"DUALMINT_WRITERS=5",
		"DUALMINT_DATABASE_CONNS=many",
		"DUALMINT_RATE_PER_ADDRESS=-1",
		"DUALMINT_TRUSTED_PROXIES=10.0.0.0/8,nowhere",
		"DUALMINT_LOG_LEVEL=loud",
		"DUALMINT_MACHINE_SECRET_KEY_FILE=" + empty,
		"DUALMINT_ISUER=https://issuer.example",
	}, dir)
	var faults config.SettingsError
	if !errors.As(err, &faults) {
		t.Fatalf("error is %v", err)
	}
	want := []string{
		"ADDR", "DATABASE_CONNS", "DATABASE_URL", "ISSUER", "ISUER", "JWT_MAX_TTL", "KEY_ROTATION", "LOG_LEVEL",
		"MACHINE_SECRET_KEY_FILE", "MASTER_KEY", "MIGRATE", "RATE_PER_ADDRESS", "SCOPE_CHECK", "SECRET_KEY", "TRUSTED_PROXIES", "WRITERS",
	}
	var got []string
	for _, f := range faults {
		if name := strings.TrimPrefix(f.Name, config.Prefix); !slices.Contains(got, name) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faulted settings (-want +got):\n%s\n%v", diff, err)
	}
	if !strings.Contains(err.Error(), "did you mean DUALMINT_ISSUER?") {
		t.Errorf("no hint at the typing error:\n%v", err)
	}
}

// R61
func TestNoFaultAndNoPrintShowsASecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("DUALMINT_SECRET_KEY=sk_hunter2\nhunter2hunter2 hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(nil, dir)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a broken .env: %v", err)
	}
	for _, setting := range []string{
		"DUALMINT_DATABASE_URL=postgres://dualmint:hunter2@db:port/x", "DUALMINT_MASTER_KEY=hunter2", "DUALMINT_SECRET_KEY=hunter2",
		"DUALMINT_DATABASE_URL=%zzhunter2",
	} {
		_, err := config.Load([]string{setting}, t.TempDir())
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a broken secret: %v", err)
		}
	}
	c, err := config.Load(append(postgres, "DUALMINT_ISSUER=https://i.example", "DUALMINT_MASTER_KEY="+masterKey, "DUALMINT_SECRET_KEY="+secretKey,
		"DUALMINT_MACHINE_SECRET_KEY=ak_hunter2"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		printed := fmt.Sprintf(verb, c)
		for _, s := range []string{"hunter2", masterKey, secretKey} {
			if strings.Contains(printed, s) {
				t.Errorf("%s prints %q", verb, s)
			}
		}
	}
}

func TestPostgreSQLAsksForWhatReplicasShare(t *testing.T) {
	_, err := config.Load(postgres, t.TempDir())
	for _, name := range []string{"DUALMINT_ISSUER", "DUALMINT_MASTER_KEY", "DUALMINT_SECRET_KEY"} {
		if err == nil || !strings.Contains(err.Error(), name+" ") {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
	if _, err := config.LoadDatabase(postgres, t.TempDir()); err != nil {
		t.Errorf("work on the schema asks for more than the database: %v", err)
	}
}

func TestIssuerIsAskedForWhereTheAddressDoesNotTell(t *testing.T) {
	for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "127.0.0.1:0"} {
		if _, err := config.Load([]string{"DUALMINT_ADDR=" + addr}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "DUALMINT_ISSUER is required") {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, issuer := range []string{
		"issuer.example", "ftp://issuer.example", "https://", "https://i.example/", "https://i.example?a=b", "https://i.example#f",
		"https://i.example?", "https://u@i.example", "//i.example", "https://i.example/ä",
	} {
		if _, err := config.Load([]string{"DUALMINT_ISSUER=" + issuer}, t.TempDir()); err == nil {
			t.Errorf("issuer %q is accepted", issuer)
		}
	}
	if _, err := config.Load([]string{"DUALMINT_ADDR=:80", "DUALMINT_ISSUER=https://i.example/base"}, t.TempDir()); err != nil {
		t.Errorf("a good issuer: %v", err)
	}
}

func TestEnvironmentWinsOverDotEnv(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("DUALMINT_ADDR=127.0.0.1:1\nDUALMINT_LOG_FORMAT='json'\nOTHER=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load([]string{"DUALMINT_ADDR=127.0.0.1:2", "DUALMINT_LOG_FORMAT="}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:2" || c.LogFormat != config.LogJSON {
		t.Errorf("address %s, log format %s", c.Addr, c.LogFormat)
	}
}

// Kubernetes sets such variables for a service named dualmint; they are nobody's typing errors.
func TestKubernetesServiceVariablesPass(t *testing.T) {
	_, err := config.Load([]string{
		"DUALMINT_SERVICE_HOST=10.0.0.1", "DUALMINT_SERVICE_PORT=80", "DUALMINT_SERVICE_PORT_HTTP=80", "DUALMINT_PORT=tcp://10.0.0.1:80",
		"DUALMINT_PORT_80_TCP=tcp://10.0.0.1:80", "DUALMINT_PORT_80_TCP_ADDR=10.0.0.1", "DUALMINT_DB_SERVICE_HOST=10.0.0.2",
	}, t.TempDir())
	if err != nil {
		t.Error(err)
	}
}

func TestSecretIsGivenOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte(" "+masterKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load([]string{"DUALMINT_MASTER_KEY_FILE=key"}, dir)
	if err != nil || c.MasterKey.Reveal() != masterKey {
		t.Errorf("key from a file: %v", err)
	}
	_, err = config.Load([]string{"DUALMINT_MASTER_KEY_FILE=key", "DUALMINT_MASTER_KEY=" + masterKey}, dir)
	if err == nil || !strings.Contains(err.Error(), "set one of them") {
		t.Errorf("key and file: %v", err)
	}
}
