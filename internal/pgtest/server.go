package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "dualmint"
	startTimeout = 60 * time.Second
	pollEvery    = 15 * time.Millisecond
	// longestSocketDir leaves room for "/.s.PGSQL.5432" in the 107 bytes of a socket's path.
	longestSocketDir = 90
)

type settings struct {
	noSync bool
	tcp    bool
}

// server is a running PostgreSQL.
type server struct {
	settings settings
	dir      string
	port     int // 0: the socket only
	password string
	version  int
	keeper   *os.File // closing it, as the end of this process does, stops the server and removes dir

	mu        sync.Mutex // guards those below
	names     int
	templates map[uintptr]string
}

// keeperScript makes a cluster, runs it, and waits for its standard input to end: that is when the test process is gone, for whatever
// reason, a kill included. Then it stops the server by its process id and removes the directory. It has a session of its own, so
// that an interrupt from the terminal reaches the tests first. It is the server's parent and lives longer than the tests, which a
// parent-death signal sent to the server itself could not offer: nobody would remove the directory.
const keeperScript = `
trap '' INT HUP
bin=$1 dir=$2; shift 2
if "$bin/initdb" -D "$dir/data" -U "$PGTEST_USER" -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions \
    --auth-local=trust --auth-host=scram-sha-256 --pwfile="$dir/password" >"$dir/log" 2>&1
then
    "$bin/postgres" -D "$dir/data" -k "$dir" "$@" >>"$dir/log" 2>&1 &
    server=$!
    cat >/dev/null
    kill -TERM "$server" # ends one that is too young to know better
    kill -QUIT "$server" # an immediate shutdown of one that is up
    wait "$server"
    rm -rf "$dir"
fi
`

func start(want settings) (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(shortTempDir(), "pgtest-")
	if err != nil {
		return nil, err
	}
	s := &server{settings: want, dir: dir, password: rand.Text(), templates: map[uintptr]string{}}
	if err := os.WriteFile(filepath.Join(dir, passwordFile), []byte(s.password), 0o600); err != nil {
		return nil, err
	}
	if want.tcp {
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
	}
	alive, err := s.launch(bin)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.awaitReady(alive); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log")) //nolint:gosec // G304: our own directory
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, log), s.keeper.Close(), os.RemoveAll(dir))
	}
	return s, nil
}

// passwordFile is where initdb finds the superuser's password.
const passwordFile = "password"

// launch starts the keeper. The file that it returns ends when the keeper does.
func (s *server) launch(bin string) (alive *os.File, err error) {
	stdin, keeper, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	alive, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), keeper.Close())
	}
	s.keeper = keeper
	args := append([]string{"-c", keeperScript, "pgtest", bin, s.dir}, s.flags()...)
	cmd := exec.CommandContext(context.Background(), "/bin/sh", args...) //nolint:gosec // G204: our own script
	cmd.Env = append(os.Environ(), "PGTEST_USER="+superuser, "LC_ALL=C.UTF-8")
	cmd.Stdin, cmd.Stdout = stdin, stdout
	cmd.Dir = s.dir // where whoever the server runs as may look
	if cmd.SysProcAttr, err = unprivileged(s.dir); err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, stdin.Close(), stdout.Close()); err != nil {
		return nil, errors.Join(err, keeper.Close(), alive.Close())
	}
	return alive, nil
}

func (s *server) flags() []string {
	set := []string{
		"listen_addresses=", "max_connections=200", "log_min_messages=warning", "timezone=UTC",
	}
	if s.settings.tcp {
		set[0] = "listen_addresses=127.0.0.1"
		set = append(set, "port="+strconv.Itoa(s.port))
	} else { // there are many at a time, and none is measured
		set = append(set, "shared_buffers=64MB", "max_wal_size=256MB")
	}
	if s.settings.noSync {
		set = append(set, "fsync=off", "full_page_writes=off")
	}
	flags := make([]string, 0, 2*len(set))
	for _, v := range set {
		flags = append(flags, "-c", v)
	}
	return flags
}

// awaitReady connects until it is answered. Between attempts it listens whether the keeper still lives.
func (s *server) awaitReady(alive *os.File) error {
	defer func() { _ = alive.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		lastErr := s.readVersion(ctx)
		if lastErr == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not ready after %v: %w", startTimeout, lastErr)
		}
		wait := time.Now().Add(pollEvery) //nolint:forbidigo // a deadline of the kernel's is in the kernel's time
		if err := alive.SetReadDeadline(wait); err != nil {
			return err
		}
		if _, err := alive.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the server ended before it was ready")
		}
	}
}

func (s *server) readVersion(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&s.version)
	return closing(ctx, conn, err)
}

func (s *server) url(database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database}
	if s.settings.tcp {
		u.User = url.UserPassword(superuser, s.password)
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
		u.RawQuery = "sslmode=disable"
		return u.String()
	}
	u.User = url.User(superuser)
	u.RawQuery = url.Values{"host": {s.dir}}.Encode()
	return u.String()
}

// binaries finds the directory of initdb and postgres.
func binaries() (string, error) {
	candidates := []string{os.Getenv("PG_BINDIR")}
	if out, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, string(out[:max(0, len(out)-1)]))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // fails on a bad pattern only
	for _, dir := range slices.Backward(debian) {           // the newest first
		candidates = append(candidates, dir)
	}
	for _, dir := range candidates {
		if dir != "" && executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL server is installed: install Debian's package postgresql, or set PG_BINDIR to the directory of " +
		"initdb and postgres")
}

func executable(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // G703: whoever runs the tests says where the binaries are
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func shortTempDir() string {
	if dir := os.TempDir(); len(dir) <= longestSocketDir-len("/pgtest-0123456789") {
		return dir
	}
	return "/tmp"
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
