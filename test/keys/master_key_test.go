package keys

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
)

// R8, R9: the master key is replaced while replicas serve: machine secrets are rotated, tokens are kept for reuse and signing keys move
// meanwhile, and nothing of it is lost; afterwards the new key alone opens everything and the old one nothing.
func TestTheMasterKeyIsReplacedWhileReplicasServe(t *testing.T) {
	d := harness.New(t, harness.Postgres(t), fastRefresh)
	old, fresh := d.MasterKey, newMasterKey()
	first := d.Start(t)
	var machines []harness.Machine
	for range 20 {
		m := first.NewMachine(t, "A")
		first.Mint(t, m.SecretKey, harness.Fields{"min_remaining_ttl_seconds": 60})
		machines = append(machines, m)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	d.MasterKey = fresh + "," + old
	replicas := []*harness.Server{d.Start(t), d.Start(t)}
	if out, err := dualmint(t, d, "master-key", "status"); err == nil || !strings.Contains(out, "values are left") {
		t.Errorf("before: %v\n%s", err, out)
	}
	var enough atomic.Bool
	var busy sync.WaitGroup
	secrets := make([]string, len(machines)) // as rotated last
	for i, r := range replicas {
		busy.Go(func() {
			for n := i; !enough.Load(); n += 2 {
				at := n % len(machines)
				var out struct{ Secret string }
				r.Call(t, http.MethodPost, "/v1/machines/"+machines[at].ID+"/secret_key/rotate", r.InstanceKey, harness.Fields{"previous_token_ttl": 60}).
					Want(t, http.StatusOK).Into(t, &out)
				secrets[at] = out.Secret // each machine belongs to one replica's loop: there is an even number of them
				r.Mint(t, out.Secret, harness.Fields{"min_remaining_ttl_seconds": 3000 + n})
				r.Call(t, http.MethodPost, "/v1/keys/rotate", r.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
			}
		})
	}
	for range 5 {
		if out, err := dualmint(t, d, "master-key", "reseal"); err != nil {
			t.Errorf("reseal: %v\n%s", err, out)
		}
	}
	enough.Store(true)
	busy.Wait()
	if out, err := dualmint(t, d, "master-key", "status"); err != nil || strings.Contains(out, " old ") {
		t.Errorf("afterwards: %v\n%s", err, out)
	}
	for _, r := range replicas {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}

	d.MasterKey = old
	if out, err := dualmint(t, d, "serve"); err == nil || !strings.Contains(out, "no configured master key opens this database") {
		t.Errorf("the old key alone: %v\n%s", err, out)
	}
	d.MasterKey = fresh
	last := d.Start(t)
	settled(t, last)
	for i, m := range machines {
		want := m.SecretKey
		if secrets[i] != "" {
			want = secrets[i]
		}
		var out struct{ Secret string }
		last.Call(t, http.MethodGet, "/v1/machines/"+m.ID+"/secret_key", last.InstanceKey, nil).Want(t, http.StatusOK).Into(t, &out)
		if out.Secret != want {
			t.Errorf("the secret of machine %d is another one", i)
		}
		again := last.Mint(t, want, harness.Fields{"min_remaining_ttl_seconds": 60})
		if twice := last.Mint(t, want, harness.Fields{"min_remaining_ttl_seconds": 60}); twice.Token != again.Token {
			t.Errorf("a token that is kept for reuse does not open")
		}
	}
	active, _ := settled(t, last)
	if token := last.Mint(t, lastSecret(machines[0], secrets[0]), harness.Fields{"token_format": "jwt"}); kidOf(t, token.Token) != active {
		t.Error("another key signs than the active one")
	}
}

func lastSecret(m harness.Machine, rotated string) string {
	if rotated != "" {
		return rotated
	}
	return m.SecretKey
}

func newMasterKey() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// dualmint runs a command on the deployment's database, and gives everything that it printed.
func dualmint(t *testing.T, d *harness.Deployment, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(harness.BinaryVariable), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{
		"DUALMINT_ADDR=127.0.0.1:0", "DUALMINT_DATABASE_URL=" + d.Database, "DUALMINT_ISSUER=" + d.Issuer,
		"DUALMINT_MASTER_KEY=" + d.MasterKey, "DUALMINT_SECRET_KEY=" + d.InstanceKey,
	}, d.Env...)
	out, err := cmd.CombinedOutput()
	for secret := range strings.SplitSeq(d.MasterKey, ",") {
		if strings.Contains(string(out), secret) {
			t.Errorf("%v prints a master key", args)
		}
	}
	return string(out), err
}
