package mllp

import (
	"net"
	"syscall"
	"testing"
)

// keepAlive reads SO_KEEPALIVE.
func keepAlive(t *testing.T, c net.Conn) (on, known bool) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var got error
	if err := raw.Control(func(fd uintptr) {
		value, got = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
	}); err != nil || got != nil {
		t.Fatal(err, got)
	}
	return value != 0, true
}
