package harness

import "syscall"

// dieWithParent makes the kernel kill the process when the test binary dies without cleaning up.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
