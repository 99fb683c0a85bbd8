package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	sqliteConns = 8        // readers beside the one that writes
	largestWAL  = 64 << 20 // bytes that the WAL keeps on disk once it has been written back
)

// openSQLite opens the file for this process alone.
func openSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	release, err := lockFile(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %s", safeText(err)), release())
	}
	conns := sqliteConns
	if o.MaxConns > 0 {
		conns = o.MaxConns
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	d, err := newDB(pool, sqliteDialect(), o)
	if err == nil {
		err = d.Ping(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, pool.Close(), release())
	}
	d.writing = make(chan struct{}, 1)
	d.release = release
	return d, nil
}

// sqliteDSN is the file with its settings, which hold for every connection of the pool. Full sync: what is billed survives a power cut.
// IMMEDIATE: a transaction that reads before it writes does not lose the file in between.
func sqliteDSN(path string) string {
	const busy = 10 * time.Second
	settings := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
			"trusted_schema(OFF)", fmt.Sprintf("journal_size_limit(%d)", largestWAL),
		},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

// prepareFile makes the file, and the directory if there is none, for the owner's eyes only, and gives its one true path. SQLite gives its
// other files the mode of this one when it makes them; those that are there already, as after a crash or a copy, get it here.
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" || strings.ContainsRune(path, 0) {
		return "", errors.New("sqlite: wants the path of a file")
	}
	if strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///") {
		return "", errors.New("sqlite: wants a plain path after the colon: sqlite:data/x.db, or sqlite:/data/x.db from the root")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the operator says where the database is
	if err != nil {
		return "", err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = f.Chmod(0o600)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	path, err = filepath.EvalSymlinks(path) // two names of one file are one database
	if err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal", ".lock"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return path, nil
}
