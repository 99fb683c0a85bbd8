package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/dualmint/dualmint/test/harness"
)

// tenants are machines whose secrets are rotated, viewed and used through two replicas in turns.
type tenants struct {
	ids, secrets []string
	rounds       int
}

func newTenants(t *testing.T, s *harness.Server, n int) *tenants {
	t.Helper()
	out := new(tenants)
	for range n {
		m := s.NewMachine(t, "A")
		out.ids, out.secrets = append(out.ids, m.ID), append(out.secrets, m.SecretKey)
	}
	return out
}

// must makes a call that has to succeed, from any goroutine.
func must(t *testing.T, s *harness.Server, method, path, bearer string, body, into any) {
	t.Helper()
	reply, err := s.Try(t, method, path, bearer, body)
	if err != nil || reply.Status/100 != 2 {
		t.Errorf("%s %s: %v %d %s", method, path, err, reply.Status, reply.Body)
		return
	}
	if err := json.Unmarshal(reply.Body, into); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
}

// round rotates the secret of one machine through one replica and does through the other everything that opens what the first has sealed,
// and the reverse.
func (w *tenants) round(t *testing.T, one, other *harness.Server) {
	t.Helper()
	at := w.rounds % len(w.ids)
	w.rounds++
	var secret, viewed struct{ Secret string }
	path := "/v1/machines/" + w.ids[at] + "/secret_key"
	must(t, one, http.MethodPost, path+"/rotate", one.InstanceKey, harness.Fields{"previous_token_ttl": 60}, &secret)
	must(t, other, http.MethodGet, path, other.InstanceKey, nil, &viewed)
	if w.secrets[at] = secret.Secret; viewed != secret {
		t.Errorf("the secret of machine %d is another one on the other replica", at)
	}
	reuse := harness.Fields{"min_remaining_ttl_seconds": 60, "claims": harness.Fields{"round": w.rounds}}
	var kept, again, signed harness.Token
	must(t, one, http.MethodPost, "/v1/m2m_tokens", secret.Secret, reuse, &kept)
	must(t, other, http.MethodPost, "/v1/m2m_tokens", secret.Secret, reuse, &again)
	if kept.Token == "" || again.Token != kept.Token {
		t.Errorf("a token that is kept for reuse is another one on the other replica")
	}
	for _, s := range []*harness.Server{one, other} {
		must(t, s, http.MethodPost, "/v1/m2m_tokens", secret.Secret, harness.Fields{"token_format": "jwt"}, &signed)
	}
}

// turn makes the announced key sign, and takes those out that signed before: the key set has room for twenty.
func turn(t *testing.T, s *harness.Server) {
	t.Helper()
	var list struct{ Data ring }
	must(t, s, http.MethodPost, "/v1/keys/rotate", s.InstanceKey, harness.Fields{"force": true}, &list)
	for _, kid := range list.Data.in("retiring") {
		must(t, s, http.MethodPost, "/v1/keys/"+kid+"/compromise", s.InstanceKey, nil, new(struct{}))
	}
}

// busy keeps two replicas at it, each in the part of the one that seals and of the one that opens, while something else is done, and at
// least so many rounds. The signing keys are rotated through both, so that each comes to sign with what the other has sealed.
func busy(t *testing.T, a, b *harness.Server, halves [2]*tenants, meanwhile func()) {
	t.Helper()
	const atLeast = 8
	var enough atomic.Bool
	var through atomic.Int64 // rounds of the second loop; a token is signed anew once only, so no call may meet two rotations
	var loops sync.WaitGroup
	for i, half := range halves {
		pair := [2]*harness.Server{a, b}
		loops.Go(func() {
			turned := int64(0)
			for n := 0; n < atLeast || !enough.Load(); n++ {
				half.round(t, pair[(n+i)%2], pair[(n+i+1)%2])
				if i == 1 {
					through.Add(1)
				} else if now := through.Load(); now > turned {
					turn(t, pair[n%2])
					turned = through.Load()
				}
			}
		})
	}
	meanwhile()
	enough.Store(true)
	loops.Wait()
	for _, s := range []*harness.Server{a, b} {
		s.Call(t, http.MethodGet, "/readyz", "", nil).Want(t, http.StatusOK)
	}
}

// R8, R9: the master key is replaced in three roll-outs, [old, new], [new, old], [new], with replicas of both lists at work at every stage:
// secrets are rotated and viewed, tokens kept for reuse and signing keys rotated across them, nothing fails, and nothing is lost. Afterwards
// the new key alone opens everything and the old one nothing.
func TestTheMasterKeyIsReplacedInThreeRollOuts(t *testing.T) {
	d := harness.New(t, harness.Postgres(t), fastRefresh)
	old, fresh := d.MasterKey, newMasterKey()
	replicas := [2]*harness.Server{d.Start(t), d.Start(t)}
	halves := [2]*tenants{newTenants(t, replicas[0], 5), newTenants(t, replicas[1], 5)}
	for _, list := range []string{old + "," + fresh, fresh + "," + old, fresh} {
		d.MasterKey = list
		for i := range replicas { // one by one; the other goes on with the list before
			if err := replicas[i].Stop(); err != nil {
				t.Fatal(err)
			}
			replicas[i] = d.Start(t)
			busy(t, replicas[0], replicas[1], halves, func() {})
		}
		if list != fresh+","+old {
			continue
		}
		if out, err := dualmint(t, d, "master-key", "status"); err == nil || !strings.Contains(out, "values are left") {
			t.Errorf("before: %v\n%s", err, out)
		}
		busy(t, replicas[0], replicas[1], halves, func() {
			for range 5 {
				if out, err := dualmint(t, d, "master-key", "reseal"); err != nil {
					t.Errorf("reseal: %v\n%s", err, out)
				}
			}
		})
		if out, err := dualmint(t, d, "master-key", "status"); err != nil || strings.Contains(out, " old ") {
			t.Errorf("afterwards: %v\n%s", err, out)
		}
	}
	for _, r := range replicas {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
		if bytes.Contains(r.Logs(t), []byte("does not open")) {
			t.Errorf("a replica met something that it could not open")
		}
	}

	d.MasterKey = old
	if out, err := dualmint(t, d, "serve"); err == nil || !strings.Contains(out, "no configured master key opens this database") {
		t.Errorf("the old key alone: %v\n%s", err, out)
	}
	d.MasterKey = fresh
	last := d.Start(t)
	for _, half := range halves {
		for i, id := range half.ids {
			var out struct{ Secret string }
			last.Call(t, http.MethodGet, "/v1/machines/"+id+"/secret_key", last.InstanceKey, nil).Want(t, http.StatusOK).Into(t, &out)
			if out.Secret != half.secrets[i] {
				t.Errorf("the secret of machine %d is another one", i)
			}
		}
	}
	active, _ := settled(t, last)
	if token := last.Mint(t, halves[0].secrets[0], harness.Fields{"token_format": "jwt"}); kidOf(t, token.Token) != active {
		t.Error("another key signs than the active one")
	}
}

// R9: a replica that cannot open what the others have sealed does no harm. It is not ready and says why, hands out another token where
// one that was kept does not open, goes on signing with the key that it can open, and does not make the next one sign. It does not start again.
func TestAReplicaWithoutTheNewMasterKeyStandsAside(t *testing.T) {
	d := harness.New(t, harness.Postgres(t), fastRefresh)
	old, fresh := d.MasterKey, newMasterKey()
	behind := d.Start(t)
	machine := behind.NewMachine(t, "A")
	d.MasterKey = fresh + "," + old
	ahead := d.Start(t)
	reuse := harness.Fields{"min_remaining_ttl_seconds": 60}
	kept := ahead.Mint(t, machine.SecretKey, reuse)
	if token := behind.Mint(t, machine.SecretKey, reuse); token.Token == "" || token.Token == kept.Token {
		t.Error("a token that does not open was handed out")
	}
	ahead.Call(t, http.MethodPost, "/v1/keys/rotate", ahead.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
	active, dead := settled(t, ahead)
	eventually(t, "the replica is not ready", func() bool {
		return behind.Call(t, http.MethodGet, "/readyz", "", nil).Status == http.StatusServiceUnavailable
	})
	refused := behind.Call(t, http.MethodPost, "/v1/keys/rotate", behind.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusConflict)
	if fault := refused.Fault(t); fault.Code != "signing_key_sealed" || !strings.Contains(fault.LongMessage, dead) {
		t.Errorf("%+v", fault)
	}
	if token := behind.Mint(t, machine.SecretKey, harness.Fields{"token_format": "jwt"}); kidOf(t, token.Token) != active {
		t.Error("it does not sign with the active key")
	}
	// A leaked key is killed through it all the same. What signs now it has made itself, and verifiers of both replicas have it.
	behind.Call(t, http.MethodPost, "/v1/keys/"+active+"/compromise", behind.InstanceKey, nil).Want(t, http.StatusOK)
	for _, s := range []*harness.Server{behind, ahead} {
		if kid := kidOf(t, s.Mint(t, machine.SecretKey, harness.Fields{"token_format": "jwt"}).Token); kid == active || kid == dead {
			t.Errorf("%s signs", kid)
		}
	}
	if log := string(behind.Logs(t)); !strings.Contains(log, dead+" does not open") {
		t.Error("the log does not say which key does not open")
	}
	d.MasterKey = old
	if out, err := dualmint(t, d, "serve"); err == nil || !strings.Contains(out, dead+" does not open") {
		t.Errorf("started again: %v\n%s", err, out)
	}
}

// R8: what a replica writes while reseal has read the value before it is never overwritten. Here the replica's transaction is made to last:
// reseal stands in line behind it.
func TestResealYieldsToWhatIsWrittenMeanwhile(t *testing.T) {
	d := harness.New(t, harness.Postgres(t), fastRefresh)
	old, fresh := d.MasterKey, newMasterKey()
	s := d.Start(t)
	active, _ := settled(t, s)
	s.Call(t, http.MethodPost, "/v1/keys/rotate", s.InstanceKey, harness.Fields{"force": true}).Want(t, http.StatusOK)
	d.MasterKey = fresh + "," + old
	conn, err := pgx.Connect(t.Context(), d.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing is left to lose
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("BEGIN")
	exec("UPDATE signing_keys SET state = 'compromised', compromised_at = retired_at, sealed = '', key_version = '' WHERE kid = $1", active)
	resealed := make(chan string)
	go func() {
		out, err := dualmint(t, d, "master-key", "reseal")
		resealed <- fmt.Sprint(err, "\n", out)
	}()
	eventually(t, "reseal waits for the row", func() bool {
		return count(t, d, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'") > 0
	})
	exec("COMMIT")
	if out := <-resealed; !strings.HasPrefix(out, "<nil>") {
		t.Error(out)
	}
	if n := count(t, d, "SELECT count(*) FROM signing_keys WHERE kid = $1 AND key_version = '' AND length(sealed) = 0", active); n != 1 {
		t.Error("reseal has put a private half back that was dropped")
	}
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
