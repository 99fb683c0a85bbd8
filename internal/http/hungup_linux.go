package httpapi

import "golang.org/x/sys/unix"

// askedAtOnce tells whether hungUp can tell.
const askedAtOnce = true

// hungUp tells, in their order, of which connections the other end has been closed. It asks the kernel once for all of them; a negative
// descriptor is of no connection.
func hungUp(descriptors []int32) []bool {
	ends := make([]unix.PollFd, len(descriptors))
	for i, fd := range descriptors {
		ends[i] = unix.PollFd{Fd: fd, Events: unix.POLLRDHUP}
	}
	out := make([]bool, len(ends))
	if n, err := unix.Poll(ends, 0); err != nil || n == 0 {
		return out // what cannot be told is no
	}
	for i := range ends {
		out[i] = ends[i].Revents != 0
	}
	return out
}
