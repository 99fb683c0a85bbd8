//go:build !linux

package harness

import "syscall"

// dieWithParent does nothing where the kernel cannot help: only a killed test binary leaves a process behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
