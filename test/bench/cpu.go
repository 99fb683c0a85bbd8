package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is how the kernel counts the time of processes: in hundredths of a second on every Linux that Go runs on.
const ticks = 10 * time.Millisecond

// cpu is processor time by where it goes. It is zero where the kernel does not tell.
type cpu struct{ client, server, postgres time.Duration }

func (c cpu) minus(d cpu) cpu {
	return cpu{c.client - d.client, c.server - d.server, c.postgres - d.postgres}
}

func (c cpu) total() time.Duration { return c.client + c.server + c.postgres }

// spent is what this process, a contestant's and PostgreSQL's have used so far.
func (a *arena) spent(server string) cpu {
	c := cpu{client: timeOf(os.Getpid(), false)}
	if p := a.servers[server]; p != nil {
		c.server = timeOf(p.cmd.Process.Pid, false)
	}
	main, err := a.cluster.PID()
	if err != nil {
		return c
	}
	for ended := time.Duration(-1); ended != timeOf(main, true); { // a backend that ends meanwhile would be counted in neither place
		ended = timeOf(main, true)
		c.postgres = ended + timeOfChildren(main)
	}
	return c
}

func timeOfChildren(parent int) (sum time.Duration) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // fails on a bad pattern only
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if f := statOf(pid); err == nil && len(f) > 1 && f[1] == strconv.Itoa(parent) {
			sum += timeOf(pid, false)
		}
	}
	return sum
}

// timeOf is the processor time of a process, with that of its ended children if they are to count.
func timeOf(pid int, ended bool) time.Duration {
	f := statOf(pid)
	if len(f) < 15 {
		return 0
	}
	last := 13
	if ended {
		last = 15
	}
	var sum time.Duration
	for _, text := range f[11:last] {
		n, _ := strconv.ParseInt(text, 10, 64)
		sum += time.Duration(n) * ticks
	}
	return sum
}

// statOf is what the kernel says of a process behind its name (proc(5)): state, parent, ...
func statOf(pid int) []string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}
