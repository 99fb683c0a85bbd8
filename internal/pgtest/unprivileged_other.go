//go:build !linux

package pgtest

import "syscall"

// unprivileged gives the server a session of its own. Root is not helped here: PostgreSQL says that it refuses.
func unprivileged() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}
