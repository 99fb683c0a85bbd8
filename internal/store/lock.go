//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes a SQLite database for this process by a lock on a file beside it. The kernel gives the lock back when the process ends,
// however it ends; the file stays, because removing it could give two processes a lock each.
func lockFile(database string) (release func() error, err error) {
	path := database + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the operator says where the database is
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another process has %s open (it holds %s): a SQLite database belongs to one process, stop the other one or use "+
			"PostgreSQL", database, path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
