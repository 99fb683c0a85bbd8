// Package pgtest gives tests a real PostgreSQL.
//
// It owns a server of the test process's own: started on the first question from the binaries that are installed, gone with the process
// however that ends, and never shared with anyone. It refuses to skip: a test that asks for a database gets one or fails. It needs no
// account, no running service and no TestMain, works as root and as an ordinary user, and leaves no goroutine behind. Its cost: about a
// second for the server, some ten milliseconds a database. Start reading at URL.
package pgtest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Option is a wish about the server.
type Option int

const (
	// NoSync trades the durability of commits for speed: right for every test that pulls no plug.
	NoSync Option = iota + 1
	// TCP makes the server listen on a loopback port too, with a password, and the URL go there: for proxies between.
	TCP
)

// URL creates an empty database for this test alone and gives its address, which other processes can use as well. It is dropped when
// the test ends. Tests with the same options share a server.
func URL(tb testing.TB, options ...Option) string {
	tb.Helper()
	return serverFor(tb, options).create(tb, "")
}

// FromTemplate is URL with a schema: migrate is run once per process on a template database, of which every test gets a copy. It must
// have closed its connections when it returns.
func FromTemplate(tb testing.TB, migrate func(url string) error, options ...Option) string {
	tb.Helper()
	s := serverFor(tb, options)
	return s.create(tb, s.template(tb, migrate))
}

// servers are those of this process, by settings. Package state, because Go's tests have no other place that lives as long as they do.
//
//nolint:gochecknoglobals // one server a process is what this package is for
var servers struct {
	sync.Mutex
	started map[settings]*server
}

func serverFor(tb testing.TB, options []Option) *server {
	tb.Helper()
	var want settings
	for _, o := range options {
		switch o {
		case NoSync:
			want.noSync = true
		case TCP:
			want.tcp = true
		default:
			tb.Fatalf("pgtest: no such option: %d", o)
		}
	}
	servers.Lock()
	defer servers.Unlock()
	if s := servers.started[want]; s != nil {
		return s
	}
	s, err := start(want)
	if err != nil {
		tb.Fatalf("pgtest: start PostgreSQL: %v", err)
	}
	if servers.started == nil {
		servers.started = map[settings]*server{}
	}
	servers.started[want] = s
	return s
}

// create makes a database, as a copy of template unless that is empty.
func (s *server) create(tb testing.TB, template string) string {
	tb.Helper()
	name := s.nextName()
	if err := s.exec(s.createSQL(name, template)); err != nil {
		tb.Fatalf("pgtest: create database: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: drop database: %v", err)
		}
	})
	return s.url(name)
}

// template gives the name of the database that migrate made, running it when it has not been yet. Functions are told apart by their code.
func (s *server) template(tb testing.TB, migrate func(string) error) string {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := reflect.ValueOf(migrate).Pointer()
	if name, ok := s.templates[code]; ok {
		return name
	}
	s.names++
	name := fmt.Sprintf("template_%d", s.names)
	if err := s.exec(s.createSQL(name, "")); err != nil {
		tb.Fatalf("pgtest: create template: %v", err)
	}
	if err := migrate(s.url(name)); err != nil {
		tb.Fatalf("pgtest: migrate template: %v", err)
	}
	s.templates[code] = name
	return name
}

func (s *server) nextName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	return fmt.Sprintf("test_%d", s.names)
}

func (s *server) createSQL(name, template string) string {
	if template == "" {
		template = "template0"
	}
	sql := "CREATE DATABASE " + name + " TEMPLATE " + template
	if s.version >= 150000 && s.settings.noSync {
		sql += " STRATEGY file_copy" // copies files instead of logging pages: faster where its checkpoint costs nothing
	}
	return sql
}

// exec runs one statement on a connection of its own, with time to wait for a busy machine.
func (s *server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return closing(ctx, conn, err)
}

func closing(ctx context.Context, conn *pgx.Conn, err error) error {
	if closeErr := conn.Close(ctx); err == nil && closeErr != nil {
		return fmt.Errorf("close: %w", closeErr)
	}
	return err
}
