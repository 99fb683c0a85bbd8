package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const (
	someUser = 1000  // who root looks like to PostgreSQL, which refuses to run as root
	nobody   = 65534 // the account that every Linux has for what needs none
)

// unprivileged gives the server a session of its own and, when we are root, a user namespace in which root is an ordinary user: no
// account has to exist, and the files stay ours. Where there are no user namespaces, as in a chroot and in most containers, the server
// runs as nobody, to whom its directory then belongs.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{Setsid: true}, nil
	}
	if attr := namespaced(); possible(attr) {
		return attr, nil
	}
	return asNobody(dir)
}

func namespaced() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setsid: true, Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: someUser, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: someUser, HostID: os.Getegid(), Size: 1}},
	}
}

// possible tells whether the kernel starts a process so.
func possible(attr *syscall.SysProcAttr) bool {
	cmd := exec.Command("/bin/true") //nolint:noctx // it ends by itself
	cmd.SysProcAttr = attr
	return cmd.Run() == nil
}

func asNobody(dir string) (*syscall.SysProcAttr, error) {
	err := errors.Join(os.Chown(dir, nobody, nobody), os.Chown(filepath.Join(dir, passwordFile), nobody, nobody))
	return &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}, err
}
