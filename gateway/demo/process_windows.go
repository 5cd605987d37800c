package demo

import (
	"os"
	"syscall"
)

// ownGroup keeps Ctrl-C in the console from reaching the daemons: the demo ends
// them itself.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt has no gentler form for a process without a console of its own.
func interrupt(p *os.Process) error { return p.Kill() }
