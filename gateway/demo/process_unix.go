//go:build !windows

package demo

import (
	"os"
	"syscall"
)

// ownGroup keeps Ctrl-C in the terminal from reaching the daemons: the demo ends
// them itself, in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
