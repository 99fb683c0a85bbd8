package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a throwaway PostgreSQL for a program that is no test. It keeps what it commits, has the memory that PostgreSQL comes with, and listens on a socket and on a loopback
// port. It is gone with the process however that ends; Close makes it go earlier.
type Cluster struct {
	Bin    string // the directory of its binaries
	server *server
}

// NewCluster starts one.
func NewCluster() (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s, err := start(settings{tcp: true})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return &Cluster{Bin: bin, server: s}, nil
}

// Create makes an empty database.
func (c *Cluster) Create(ctx context.Context, database string) error {
	return c.Exec(ctx, "postgres", c.server.createSQL(database, ""))
}

// Exec runs statements in a database.
func (c *Cluster) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, c.Socket(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return closing(ctx, conn, err)
}

// TCP is the address of a database on the loopback port.
func (c *Cluster) TCP(database string) string { return c.server.url(database) }

// Socket is the address of a database on the socket.
func (c *Cluster) Socket(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	u.RawQuery = url.Values{"host": {c.server.dir}, "port": {strconv.Itoa(c.server.port)}}.Encode()
	return u.String()
}

// PID is the process id of the server, the parent of all its processes.
func (c *Cluster) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.server.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// Close stops the server and waits until nothing is left of it.
func (c *Cluster) Close() error {
	err := c.server.keeper.Close()
	for range startTimeout / pollEvery {
		if _, gone := os.Stat(c.server.dir); os.IsNotExist(gone) {
			return err
		}
		time.Sleep(pollEvery)
	}
	return fmt.Errorf("%s is still there", c.server.dir)
}
