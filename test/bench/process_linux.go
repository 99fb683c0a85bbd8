package main

import "syscall"

// diesWithParent makes the kernel end the process when this program dies without cleaning up.
func diesWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
