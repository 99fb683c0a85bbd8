//go:build !linux

package main

import "syscall"

// diesWithParent does nothing where the kernel cannot help.
func diesWithParent() *syscall.SysProcAttr { return nil }
