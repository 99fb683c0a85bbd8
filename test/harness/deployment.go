package harness

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"path/filepath"
	"testing"

	"github.com/dualmint/dualmint/internal/pgtest"
	"github.com/dualmint/dualmint/internal/secret"
)

// Deployment is one database and the keys that belong to it. Any number of processes can be started on it if the database
// is PostgreSQL.
type Deployment struct {
	Database    string // as in DUALMINT_DATABASE_URL
	Issuer      string
	MasterKey   string // base64 of 32 bytes
	InstanceKey string
	Env         []string // further settings, NAME=value

	dir  string // working directory of the processes: no .env, no default files
	addr string // of the first process, which the issuer names
}

// New makes a deployment with keys of its own on the given database.
func New(tb testing.TB, database string, env ...string) *Deployment {
	tb.Helper()
	var master [32]byte
	rand.Read(master[:])
	addr := freeAddress(tb)
	return &Deployment{
		Database:    database,
		Issuer:      "http://" + addr,
		MasterKey:   base64.StdEncoding.EncodeToString(master[:]),
		InstanceKey: secret.New(secret.InstanceKey).Reveal(),
		Env:         env,
		dir:         tb.TempDir(),
		addr:        addr,
	}
}

// SQLite gives the URL of a database file that does not exist yet.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "dualmint.db")
}

// Postgres gives the URL of an empty database on a server of the test binary's own. It forgets at a power cut, and is faster
// for it.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return pgtest.URL(tb, pgtest.NoSync)
}

// OnBoth runs a test against one fresh process on SQLite and one on PostgreSQL.
func OnBoth(t *testing.T, test func(t *testing.T, s *Server), env ...string) {
	t.Helper()
	for name, database := range map[string]func(testing.TB) string{"sqlite": SQLite, "postgres": Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, database(t), env...).Start(t))
		})
	}
}

// OnPostgres starts n processes on one fresh PostgreSQL database.
func OnPostgres(tb testing.TB, n int, env ...string) []*Server {
	tb.Helper()
	d := New(tb, Postgres(tb), env...)
	out := make([]*Server, n)
	for i := range out {
		out[i] = d.Start(tb)
	}
	return out
}

// freeAddress finds a loopback port that nobody listens on at this moment.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
