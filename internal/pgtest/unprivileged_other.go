//go:build !linux

package pgtest

import "syscall"

// unprivileged gives the server a session of its own. Root is not helped here: PostgreSQL says that it refuses.
func unprivileged(string) (*syscall.SysProcAttr, error) {
	return &syscall.SysProcAttr{Setsid: true}, nil
}
