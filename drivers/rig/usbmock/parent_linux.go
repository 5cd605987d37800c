package usbmock

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets the kernel end the bridge, which ends the tests, when this
// process is killed by the time-out of go test.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
