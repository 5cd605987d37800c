//go:build !linux

package mllp

import (
	"net"
	"testing"
)

func keepAlive(*testing.T, net.Conn) (on, known bool) { return false, false }
