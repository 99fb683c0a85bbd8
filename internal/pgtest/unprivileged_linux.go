package pgtest

import (
	"os"
	"syscall"
)

// someUser is who root looks like to PostgreSQL, which refuses to run as root.
const someUser = 1000

// unprivileged gives the server a session of its own and, when we are root, a user namespace in which root is an ordinary user: no
// account has to exist, and the files stay ours.
func unprivileged() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return attr
	}
	attr.Cloneflags = syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: someUser, HostID: 0, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: someUser, HostID: os.Getegid(), Size: 1}}
	return attr
}
