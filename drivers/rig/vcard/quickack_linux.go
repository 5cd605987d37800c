package vcard

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// quickAcker returns a function that makes the kernel acknowledge what arrived
// at once (tcp(7), TCP_QUICKACK); it does nothing on what is not a socket.
func quickAcker(rw io.ReadWriter) func() {
	sc, ok := rw.(syscall.Conn)
	if !ok {
		return func() {}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() {}
	}
	return func() {
		_ = raw.Control(func(fd uintptr) {
			// A refusal costs speed only.
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
	}
}
